/** The version of this package. */
export const __version__ = '0.5.9'
