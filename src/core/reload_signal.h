// Turns SIGHUP into a flag: a server reads its files again.
#pragma once

#include <csignal>

namespace armorm {

// At most one object per process.
class ReloadSignal {
 public:
  ReloadSignal();
  ~ReloadSignal();  // restores the previous disposition
  ReloadSignal(const ReloadSignal&) = delete;
  ReloadSignal& operator=(const ReloadSignal&) = delete;

  bool take() noexcept;  // whether the signal came since the last call

 private:
  struct sigaction former_ {};
};

}  // namespace armorm
