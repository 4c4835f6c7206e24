// Turns the signals that end a process into a question that it answers when its work is safe.
#pragma once

namespace armorm {

// While one is alive, SIGTERM, SIGUSR1 (a batch scheduler's warnings) and the first SIGINT set a flag; a
// second SIGINT ends the process as ever. One at a time in a process.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();  // the former dispositions return
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  bool requested() const noexcept;
};

}  // namespace armorm
