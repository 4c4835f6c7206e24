// How an application ends a run early.
#pragma once

#include <functional>

namespace armorm {

// Asked now and then by a run, on any thread. Once it answers true the run keeps what it has computed, where
// it keeps anything, and ends with an interrupted error; the same run resumes. Empty = never.
using StopRequested = std::function<bool()>;

}  // namespace armorm
