// Acts as another user, where the tests run as root.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <exception>
#include <stdexcept>

namespace armorm::test {

constexpr uid_t kOtherUser = 65534;  // nobody

inline bool can_be_other_user() { return ::geteuid() == 0; }

// The process is kOtherUser for the scope, in all threads and without the groups of root.
class AsOtherUser {
 public:
  AsOtherUser() {
    if (::setegid(kOtherUser) != 0 || ::seteuid(kOtherUser) != 0)
      throw std::runtime_error("cannot become another user");
  }
  ~AsOtherUser() {
    if (::seteuid(0) != 0 || ::setegid(0) != 0) std::terminate();
  }
  AsOtherUser(const AsOtherUser&) = delete;
  AsOtherUser& operator=(const AsOtherUser&) = delete;
};

}  // namespace armorm::test
