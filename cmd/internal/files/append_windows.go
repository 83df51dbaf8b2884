package files

// Append is the flag with which a file is opened that records are added to. With
// Windows' own, a file could neither be truncated nor locked; so it has to be
// positioned.
const Append = 0
