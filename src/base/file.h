/* Files and folders. Paths are bytes; no function changes the working directory. */
#ifndef KN_BASE_FILE_H
#define KN_BASE_FILE_H

#include "base/buf.h"

/* Makes the folder and its missing parents (mode 0700 below the first that exists). */
KN_MUST_CHECK bool kn_file_mkdirs(const char *path, kn_err *err);

/* Appends the whole file to out. */
KN_MUST_CHECK bool kn_file_read(const char *path, kn_buf *out, kn_err *err);

/* Replaces the file whole or not at all (a temporary file beside it, then rename). Mode 0600. */
KN_MUST_CHECK bool kn_file_write(const char *path, kn_slice bytes, kn_err *err);

/* Writes everything, over short writes and EINTR. */
KN_MUST_CHECK bool kn_file_write_all(int fd, const void *p, size_t n, kn_err *err);

/* Locks the file, which is made and removed again, until it is unlocked or the process ends,
 * however that ends. KN_ESTATE: somebody has it, in this process or in another. */
KN_MUST_CHECK bool kn_file_lock(const char *path, int *fd, kn_err *err);

/* Idempotent: *fd is -1 then. */
void kn_file_unlock(const char *path, int *fd);

/* Removes a folder and everything in it; an absent one is no error. */
KN_MUST_CHECK bool kn_file_remove_tree(const char *path, kn_err *err);

#endif
