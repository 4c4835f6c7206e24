// Turns the signals that end a process into a flag, checked by the process when its work is safe.
#pragma once

namespace armorm {

// During its lifetime SIGTERM, SIGUSR1 (a batch scheduler's warnings) and the first SIGINT set a flag; a
// second SIGINT ends the process as usual. At most one object per process.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();  // restores the previous dispositions
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  bool requested() const noexcept;
};

}  // namespace armorm
