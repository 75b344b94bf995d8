/* Has one system call of a process fail, among those on files whose path contains FAULT_PATH.
 *
 *   FAULT_AT=n      the n-th call fails, counted from 1; 0 or unset: none does
 *   FAULT_ERRNO=e   with this error
 *   FAULT_STAY=1    all calls after it fail too
 *   FAULT_LOG=file  the names of the calls are appended to this file
 *
 * For tests/faults/run.py: it reaches what sled and the standard library call, which fault points of our own do not.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long calls;

static int is_meant(const char *path) {
    const char *part = getenv("FAULT_PATH");
    return part && path && strstr(path, part) != NULL;
}

static int is_meant_fd(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_meant(path);
}

/* Whether this call is to fail; sets errno then. */
static int fails(const char *name) {
    long here = atomic_fetch_add(&calls, 1) + 1;
    const char *log = getenv("FAULT_LOG");
    if (log) {
        char line[64];
        int length = snprintf(line, sizeof line, "%s\n", name);
        int fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND, 0644);
        if (fd >= 0) {
            if (syscall(SYS_write, fd, line, length) < 0) abort();
            syscall(SYS_close, fd);
        }
    }
    const char *at = getenv("FAULT_AT"), *error = getenv("FAULT_ERRNO");
    long first = at ? atol(at) : 0;
    if (first == 0 || !error) return 0;
    if (here != first && !(getenv("FAULT_STAY") && here > first)) return 0;
    errno = atoi(error);
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define ON_PATH(type, name, params, args, path) \
    type name params { if (is_meant(path) && fails(#name)) return -1; return REAL(name) args; }
#define ON_FD(type, name, params, args) \
    type name params { if (is_meant_fd(fd) && fails(#name)) return -1; return REAL(name) args; }

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list rest; va_start(rest, flags); mode_t mode = va_arg(rest, mode_t); va_end(rest); \
        if (is_meant(path) && fails(#name)) return -1; \
        return REAL(name)(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

ON_FD(ssize_t, write, (int fd, const void *bytes, size_t count), (fd, bytes, count))
ON_FD(ssize_t, writev, (int fd, const struct iovec *parts, int count), (fd, parts, count))
ON_FD(ssize_t, pwrite, (int fd, const void *bytes, size_t count, off_t at), (fd, bytes, count, at))
ON_FD(ssize_t, pwrite64, (int fd, const void *bytes, size_t count, off64_t at), (fd, bytes, count, at))
ON_FD(ssize_t, read, (int fd, void *bytes, size_t count), (fd, bytes, count))
ON_FD(ssize_t, pread, (int fd, void *bytes, size_t count, off_t at), (fd, bytes, count, at))
ON_FD(ssize_t, pread64, (int fd, void *bytes, size_t count, off64_t at), (fd, bytes, count, at))
ON_FD(int, fsync, (int fd), (fd))
ON_FD(int, fdatasync, (int fd), (fd))
ON_FD(int, sync_file_range, (int fd, off64_t at, off64_t count, unsigned flags), (fd, at, count, flags))
ON_FD(int, ftruncate, (int fd, off_t length), (fd, length))
ON_FD(int, ftruncate64, (int fd, off64_t length), (fd, length))
ON_PATH(int, rename, (const char *path, const char *to), (path, to), path)
ON_PATH(int, mkdir, (const char *path, mode_t mode), (path, mode), path)
ON_PATH(int, unlink, (const char *path), (path), path)
ON_PATH(int, chmod, (const char *path, mode_t mode), (path, mode), path)
