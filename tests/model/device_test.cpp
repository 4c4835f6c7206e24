#include "model/device.h"

#include "model/gpu_test_support.h"
#include "support/test_support.h"

namespace armorm::model {

TEST_CASE("a device that is not here is a usage error that names what there is", "[unit]") {
  CHECK_NOTHROW(check_device(-1));
  CHECK_THROWS_WITH(check_device(99), Catch::StartsWith("`device`: found 99, ") &&
                                          Catch::Contains(test::has_cuda() ? "the index of one of the"
                                                                           : "no CUDA device is visible"));
  CHECK_THROWS_WITH(check_device(-2), Catch::Contains("expected -1 for the CPU"));
}

}  // namespace armorm::model
