export const ui = {
  close: 'Close',
  cancel: 'Cancel',
  back: 'Back',
  save: 'Save',
  copied: 'Copied',
  copy: 'Copy',
  dismiss: 'Dismiss',
  loading: 'Loading…',
  technicalDetails: 'Technical details',
  showSecret: 'Show what is typed',
  hideSecret: 'Hide what is typed',
} as const;
