/** The key of the databases that storage tests make, in a file that child processes can load too. */
export const key = Uint8Array.from({ length: 48 }, (_, index) => index * 5);
