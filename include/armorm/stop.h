// How an application ends a run early.
#pragma once

#include <functional>

namespace armorm {

// Polled by a run, on any thread. When it returns true, the run keeps its results so far, if it keeps any,
// and ends with an interrupted error; the same run resumes. Empty = never.
using StopRequested = std::function<bool()>;

}  // namespace armorm
