// Run by scripts/goldens/check_hub_cache.py, which compares with huggingface_hub; hidden from ordinary runs.
#include <cstdlib>

#include "hub/cache.h"
#include "io/publish.h"
#include "support/test_support.h"

TEST_CASE("resolve ids for another program", "[.interop]") {
  const char* report = std::getenv("ARMORM_INTEROP_REPORT");
  if (report == nullptr) ARMORM_SKIP("ARMORM_INTEROP_REPORT is not set");
  armorm::io::publish_text(report, armorm::hub::resolve_model("org/name").string() + "\n" +
                                       armorm::hub::resolve_dataset("org/set@v1.0").string() + "\n");
  SUCCEED("resolved");
}
