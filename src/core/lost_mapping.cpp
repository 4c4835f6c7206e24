#include "core/lost_mapping.h"

#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <cstring>

#include "core/error.h"

namespace armorm {
namespace {

// A signal handler takes no user data. NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables)
std::array<char, 64> program_name{};

void print(const char* text) { (void)!::write(STDERR_FILENO, text, std::strlen(text)); }

// Lines of /proc/self/maps with the calls that a signal handler may make; longer ones are cut.
class MapLines {
 public:
  explicit MapLines(int file) : file_(file) {}
  const char* next() {
    std::size_t size = 0;
    for (char c = get(); c != '\0'; c = get()) {
      if (c == '\n') {
        line_[size] = '\0';
        return line_.data();
      }
      if (size + 1 < line_.size()) line_[size++] = c;
    }
    return nullptr;
  }

 private:
  char get() {
    if (begin_ == end_) {
      const ssize_t count = ::read(file_, block_.data(), block_.size());
      if (count <= 0) return '\0';
      begin_ = 0;
      end_ = static_cast<std::size_t>(count);
    }
    return block_[begin_++];
  }

  int file_;
  std::array<char, 1024> block_{};
  std::array<char, 1024> line_{};
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

// Reads digits up to another character, on which `text` is left.
std::uintptr_t hex_number(const char*& text) {
  std::uintptr_t value = 0;
  for (;; ++text) {
    const char c = *text;
    const bool letter = c >= 'a' && c <= 'f';
    if (!letter && (c < '0' || c > '9')) return value;
    value = value * 16 + static_cast<std::uintptr_t>(letter ? c - 'a' + 10 : c - '0');
  }
}

// Prints the message and ends, if a file is mapped at the address.
void end_for_file_at(std::uintptr_t address) {
  const int file = ::open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  MapLines lines(file);
  while (const char* line = lines.next()) {
    const char* rest = line;
    const std::uintptr_t begin = hex_number(rest);
    if (*rest != '-') continue;
    ++rest;
    const std::uintptr_t end = hex_number(rest);
    const char* path = std::strchr(rest, '/');
    if (address < begin || address >= end || path == nullptr) continue;
    print(program_name.data());
    print(": error: ");
    print(path);
    print(
        ": cannot be read any more: it was truncated while it was in use, or its disk failed; restore it and "
        "repeat the command\n");
    ::_exit(static_cast<int>(ErrorKind::io));
  }
  ::close(file);
}

void handle(int signal, siginfo_t* info, void*) {
  if (info->si_code == BUS_ADRERR) end_for_file_at(reinterpret_cast<std::uintptr_t>(info->si_addr));
  ::signal(signal, SIG_DFL);  // the access is repeated, and ends the process as usual
}

}  // namespace

void report_lost_mappings(const std::string& program) {
  const std::size_t size = std::min(program.size(), program_name.size() - 1);
  std::copy_n(program.begin(), size, program_name.begin());
  program_name[size] = '\0';
  struct sigaction action {};
  action.sa_sigaction = handle;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  if (sigaction(SIGBUS, &action, nullptr) != 0) fail_internal("SIGBUS cannot be handled");
}

}  // namespace armorm
