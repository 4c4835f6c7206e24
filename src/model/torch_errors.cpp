#include "model/torch_errors.h"

#include <string_view>

#include "core/error.h"
#include "model/out_of_memory.h"

namespace armorm::model {

bool is_out_of_memory(const c10::Error& error) {
  if (dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr) return true;
  const std::string_view text = error.what_without_backtrace();
  return text.find("DefaultCPUAllocator: ") != std::string_view::npos;
}

void translate_torch_errors(const std::function<void()>& body) {
  try {
    body();
  } catch (const c10::Error& error) {
    if (!is_out_of_memory(error))
      fail_internal("internal error: LibTorch: {}", error.what_without_backtrace());
    fail_internal("out of memory; use smaller packs (`batch_tokens`) or a device with more memory: {}",
                  error.what_without_backtrace());
  }
}

}  // namespace armorm::model
