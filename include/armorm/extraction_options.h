// Options that both prepare stages share, with the defaults of the published run. `stage1-prepare --help`
// says what each field means; the comments here say which values it may have.
#pragma once

#include <cstdint>
#include <string>

#include "armorm/choices.h"
#include "armorm/cpu_kernels.h"
#include "armorm/devices.h"
#include "armorm/export.h"
#include "armorm/gpu_attention.h"
#include "armorm/precision.h"
#include "armorm/verify.h"

namespace armorm {

// $ARMORM_DATA, else ~/data/ArmoRM.
ARMORM_API std::string default_data_root();

// The date for chat templates that read the clock: that which Llama 3.2's template falls back to without one.
constexpr const char* kTemplateDate = "2024-07-26";

// How a backbone is run.
struct ExtractionOptions {
  std::string model_path = "sfairXC/FsfairX-LLaMA3-RM-v0.1";
  std::int64_t n_shards = 1;   // in [1, 99999]
  std::int64_t shard_idx = 1;  // in [1, n_shards]
  Devices device = 0;          // the first one also does what one device has to
  Precision precision = Precision::bf16;
  // auto without fp8; not fast on the CPU
  Fp8Accumulate fp8_accumulate = Fp8Accumulate::auto_;
  CpuKernels kernels = CpuKernels::measured;         // auto on a GPU
  GpuAttention attention = GpuAttention::automatic;  // automatic on a CPU
  std::int64_t batch_tokens = 0;                     // >= 0
  std::int64_t threads = 0;                          // >= 0
  std::string weights_memory = "all";                // all, auto or bytes ("20GB"), on each device
  bool batch_invariant = false;
  bool allow_special_in_content = false;
  std::string template_date = kTemplateDate;  // from 1970 on
  std::int64_t seed = 0;                      // >= 0; the published shuffle has 0
  bool dry_run = false;                       // loads no weights and writes nothing
  double assume_tflops = 0.0;                 // with dry_run; of each device, 0 = measured
  bool status = false;
  bool all_sets = false;  // with status
  bool json = false;      // with status
  std::string data_root = default_data_root();
  bool restart = false;
  Verify verify = Verify::on;
  double checkpoint_seconds = 10.0;  // >= 0
  OnBadRow on_bad_row = OnBadRow::error;
  std::string max_bad_rows = "1%";  // a count ("100"), or a fraction of the rows ("0.01", "1%")

  ARMORM_API void validate() const;  // usage errors
};

}  // namespace armorm
