import { formatNumber, plural } from './plural.ts';

const devices = (count: number) => `${formatNumber(count)} ${plural(count, { one: 'device', other: 'devices' })}`;

export const trust = {
  titleOf: (name: string) => `Verify ${name}`,
  titleSelf: 'Check your own devices',
  intro: (name: string) =>
    `So that you both know that nobody sits in between. Best done in the same room, or on a call where you see ${name}.`,
  introSelf: 'So that you know that each device of your account is really yours.',
  tabScan: 'Scan a code',
  tabCompare: 'Compare fingerprints',
  mine: {
    title: 'Your code',
    text: (name: string) => `Let ${name} scan this from your screen.`,
    textSelf: 'Scan this with your other device.',
    label: 'Your code to scan',
    copyLink: 'Copy link',
    copyPicture: 'Copy picture',
    onlySafely: 'Sent through this conversation it would prove nothing.',
  },
  theirs: {
    title: 'Their code',
    titleSelf: 'The code of your other device',
    where: 'They find it where you see yours; in other apps, look for “OMEMO” and “QR code”.',
    whereSelf: 'Open the same page there; in other apps, look for “OMEMO” and “QR code”.',
    useCamera: 'Use the camera',
    stopCamera: 'Turn the camera off',
    otherCamera: 'Other camera',
    starting: 'Turning the camera on…',
    looking: 'Hold their code in front of the camera.',
    choosePicture: 'Choose a picture',
    drop: 'Drop the picture here',
    orDrop: 'Or drop a picture of the code here',
    paste: 'Link or picture from the clipboard',
    pastePlaceholder: 'Paste it here',
    check: 'Check',
    reading: 'Reading the picture…',
    preview: 'What the camera sees',
  },
  camera: {
    refused: 'Bothy may not use the camera.',
    refusedAction: 'Allow it in the system’s settings, or choose a picture of the code instead.',
    none: 'No camera was found.',
    noneAction: 'Choose a picture of the code or paste it, or compare the fingerprints.',
    busy: 'The camera cannot be used now.',
    busyAction: 'Another app may be using it. Close that one and try again.',
  },
  notACode: {
    picture: 'There is no code in this picture that can be read.',
    pictureAction: 'Take it again so that the whole code is sharp and evenly lit.',
    unreadable: 'This file is not a picture that can be opened.',
    unreadableAction: 'Choose a PNG, JPEG or WebP picture.',
    other: 'This code is about something else.',
    otherAction: 'Ask for the code that their app shows for verifying (“OMEMO” or “Verify”).',
    invitation: 'This is an invitation, not a code to verify somebody.',
    invitationAction: 'Use it to add the person who made it.',
    useInvitation: 'Use the invitation',
  },
  compare: {
    how: (name: string) =>
      `Read them to each other, or lay both screens side by side. Each fingerprint has to be the same here and on ${name}’s device, from the first letter to the last.`,
    howSelf: 'Open this page on your other device too. Each fingerprint has to be the same on both screens.',
    theirs: (name: string) => `Devices of ${name}`,
    yours: 'Your devices',
    yourOthers: 'Your other devices',
    yoursHint: (name: string) => `${name} compares these with what their app shows for you.`,
    thisHint: 'Compare this with what your other device shows.',
    match: 'They match',
    differ: 'They do not match',
    matchOf: (device: string) => `They match: ${device}`,
    differOf: (device: string) => `They do not match: ${device}`,
    none: 'Nothing is known of their devices yet. They appear here after the first contact.',
    noneSelf: 'You have no other devices.',
    differed:
      'It gets none of your messages now. Either it belongs to somebody else, or it was set up again: ask before you write anything that others must not read.',
  },
  result: {
    verified: (name: string) => `${name} is verified`,
    verifiedSelf: 'Your devices are verified',
    verifiedText: (count: number) =>
      plural(count, {
        one: 'The device below is really theirs. A new one gets nothing before it is checked, too.',
        other: 'The devices below are really theirs. A new one gets nothing before it is checked, too.',
      }),
    verifiedTextSelf: 'The devices below are really yours.',
    count: (count: number) => `${devices(count)} verified`,
    expected: (count: number) =>
      `The code names ${devices(count)} that ${plural(count, { one: 'has', other: 'have' })} not been seen here yet: verified as soon as ${plural(count, { one: 'it appears', other: 'they appear' })}.`,
    onlyExpectedTitle: 'Remembered',
    nothingTitle: 'This code names no devices',
    nothingText: 'Their app has nothing to verify yet. Ask them to open it once, and to show the code again.',
    mismatchTitle: 'The keys do not match',
    mismatchWhat: (name: string, count: number) =>
      plural(count, {
        one: `A device that claims to be ${name}’s has another key than the code says. Somebody may be reading along, or the device was set up again.`,
        other: `${formatNumber(count)} devices that claim to be ${name}’s have other keys than the code says. Somebody may be reading along, or the devices were set up again.`,
      }),
    mismatchDone: (count: number) =>
      plural(count, {
        one: 'It is not trusted any more and gets none of your messages.',
        other: 'They are not trusted any more and get none of your messages.',
      }),
    mismatchDo: (name: string) =>
      `Ask ${name} face to face or on a call whether they set a device up again. If so, scan their code once more. If not, write nothing here that others must not read.`,
    done: 'What was done',
    todo: 'What to do',
    mismatched: 'Not trusted now',
    nowYours: (name: string) => `Now let ${name} scan your code, so that they can be sure too.`,
    showMine: 'Show your code',
    close: 'Done',
    closeAlarm: 'Close',
    matched: 'Verified all the same',
    again: 'Scan again',
  },
  link: {
    title: 'Check a code',
    from: (name: string) => `The link names devices of ${name}.`,
    yourself: 'your own account',
    onlyIf: 'Go on only if you got this link from them in person, or in a way that nobody else could have changed.',
    outside: 'Anyone could have made this link.',
    outsideText:
      'It was opened outside this window: on a web page, in a mail, by another app. It is worth only what that way is worth.',
    conversation: 'This link proves nothing by itself.',
    conversationText: (name: string) =>
      `It was in your conversation with ${name}. Whoever could sit in between there could have changed it, too.`,
    outcome:
      'If you go on, devices with these keys are verified, and a device known under another key gets nothing any more.',
    inPerson: 'Verify in another way',
    check: 'Verify with this link',
    add: 'Add and verify',
    inviteFirst: 'They have no server address: ask them for an invitation first.',
  },
  waiting: {
    all: (name: string) => `What you write waits until you have checked a device of ${name}.`,
    one: (device: string) => `“${device}” gets nothing until you have checked it.`,
    some: (count: number, name: string) =>
      `${devices(count)} of ${name} ${plural(count, { one: 'gets', other: 'get' })} nothing until you have checked ${plural(count, { one: 'it', other: 'them' })}.`,
    action: 'Check now',
  },
  event: {
    title: 'Their devices changed',
    check: 'Check it',
    named: (device: string) => `It calls itself “${device}”.`,
  },
} as const;
