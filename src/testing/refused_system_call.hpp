// For tests of what a file system or a kernel lacks: a process in which system calls fail as they would there
// (seccomp(2)).
#pragma once

#include <cerrno>
#include <cstddef>
#include <functional>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace latchkey::testing {

struct RefusedSystemCall {
  long number;
  int error;
  // Matches only calls whose third argument has all of these bits; 0: every call.
  unsigned flags = 0;
};

// Applies to this process and everything it starts, for ever. False where the kernel forbids it.
inline bool refuse(const std::vector<RefusedSystemCall>& calls) {
  auto load = [](std::size_t offset) {
    sock_filter instruction = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<unsigned>(offset));
    return instruction;
  };
  std::vector<sock_filter> program;
  for (const auto& call : calls) {
    program.push_back(load(offsetof(seccomp_data, nr)));
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call.number), 0, 4));
    // The low half of the argument: both supported architectures are little-endian.
    program.push_back(load(offsetof(seccomp_data, args) + 2 * sizeof(seccomp_data::args[0])));
    program.push_back(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, call.flags));
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call.flags, 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(call.error)));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// Runs `body` in a child process in which `calls` fail. Returns 0 where `body` is true, 1 where it is false, 2 where
// the calls could not be made to fail, and 3 where the child ended otherwise.
inline int run_refusing(const std::vector<RefusedSystemCall>& calls, const std::function<bool()>& body) {
  auto child = ::fork();
  if (child == 0) ::_exit(!refuse(calls) ? 2 : body() ? 0 : 1);
  int status = 0;
  while (child > 0 && ::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 3;
}

}  // namespace latchkey::testing
