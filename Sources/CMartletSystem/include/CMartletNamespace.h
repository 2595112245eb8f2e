#ifndef CMARTLET_NAMESPACE_H
#define CMARTLET_NAMESPACE_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// sched.h and unistd.h declare these only under _GNU_SOURCE, which the importer of
// this header may not have set; the constants are the kernel's ABI.
enum { MARTLET_CLONE_NEWNET = 0x40000000, MARTLET_CLONE_NEWUSER = 0x10000000 };

/// Names the calling thread; 15 octets at most count.
static inline void martlet_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

/// A pipe that no other program inherits: `ends` gets the reading and the writing end.
static inline int martlet_pipe(int *ends) { return syscall(SYS_pipe2, ends, O_CLOEXEC) < 0 ? -errno : 0; }

extern char **environ;

static inline char **martlet_environment(void) { return environ; }

/// Moves the calling thread, and only it, into the network namespace behind `fd`.
static inline int martlet_enter_network_namespace(int fd) {
  return syscall(SYS_setns, fd, MARTLET_CLONE_NEWNET) < 0 ? -errno : 0;
}

/// Gives the calling thread, and only it, a fresh network namespace.
static inline int martlet_new_network_namespace(void) {
  return syscall(SYS_unshare, MARTLET_CLONE_NEWNET) < 0 ? -errno : 0;
}

/// Keeps the calling thread's network namespace alive under the file `path`.
static inline int martlet_pin_network_namespace(const char *path) {
  return mount("/proc/thread-self/ns/net", path, "none", MS_BIND, 0) < 0 ? -errno : 0;
}

static inline int martlet_unpin_network_namespace(const char *path) {
  return umount2(path, MNT_DETACH) < 0 ? -errno : 0;
}

static inline int martlet_write_file(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return -errno;
  ssize_t count = write(fd, text, strlen(text));
  int error = count < 0 ? -errno : 0;
  close(fd);
  return error;
}

/// Enters a user namespace in which the caller is root, and a network namespace of it.
/// The process must have one thread.
static inline int martlet_become_namespace_root(void) {
  unsigned uid = geteuid(), gid = getegid();
  if (syscall(SYS_unshare, MARTLET_CLONE_NEWUSER | MARTLET_CLONE_NEWNET) < 0) return -errno;
  char map[64];
  int error = martlet_write_file("/proc/self/setgroups", "deny");
  if (error && error != -ENOENT) return error;
  snprintf(map, sizeof map, "0 %u 1", gid);
  if ((error = martlet_write_file("/proc/self/gid_map", map))) return error;
  snprintf(map, sizeof map, "0 %u 1", uid);
  return martlet_write_file("/proc/self/uid_map", map);
}

/// Forks; the child becomes root of a user and network namespace of its own and, with a
/// `path`, executes it. Without one it exits at once. Returns the child's pid. The child
/// exits with 125 when the namespaces are refused and with 127 when `path` cannot run.
static inline int martlet_spawn_namespace_root(const char *path, char *const *arguments,
                                               char *const *environment) {
  pid_t child = fork();
  if (child < 0) return -errno;
  if (child > 0) return child;
  if (martlet_become_namespace_root() < 0) _exit(125);
  if (path == NULL) _exit(0);
  execve(path, arguments, environment);
  _exit(127);
}

/// Waits for a child: its exit status, or 128 + signal as shells count.
static inline int martlet_wait_for(int child) {
  int status;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return -errno;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#endif
