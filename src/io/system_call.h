// Helpers of the files that call the operating system.
#pragma once

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace armorm::io {

// Repeats a call that a signal interrupted.
template <class Call>
auto retry(Call&& call) {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

// The system's text for an errno value, e.g. "No such file or directory".
inline std::string reason(int error) {
  // GNU strerror_r (thread-safe); it returns the text, which need not lie in the buffer.
  char buffer[128];
  return ::strerror_r(error, buffer, sizeof(buffer));
}

// An open file that closes itself. For reading, where a failed close loses no data.
class Descriptor {
 public:
  explicit Descriptor(int value) noexcept : value_(value) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  int get() const noexcept { return value_; }

 private:
  int value_;
};

}  // namespace armorm::io
