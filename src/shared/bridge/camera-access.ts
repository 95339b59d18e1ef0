/** How a page asks its host for the camera. Nothing else opens it, and it stays open only while what asked is shown. */
export interface CameraAccess {
  /** After something the person pressed. False: the host or the system refuses. */
  open(): Promise<boolean>;
  /** Takes the permission back; a picture that still runs ends. */
  close(): void;
}
