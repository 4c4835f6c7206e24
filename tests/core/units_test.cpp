#include "core/units.h"

#include <limits>

#include "support/test_support.h"

namespace armorm {
namespace {

TEST_CASE("bytes are shown in decimal units", "[unit]") {
  CHECK(bytes_text(0) == "0 bytes");
  CHECK(bytes_text(999) == "999 bytes");
  CHECK(bytes_text(1000) == "1.0 kB");
  CHECK(bytes_text(16'060'556'376) == "16.1 GB");
  CHECK(bytes_text(std::numeric_limits<std::uint64_t>::max()) == "18446744.1 TB");
}

TEST_CASE("bytes are read with decimal and binary units", "[unit]") {
  CHECK(parse_bytes("1") == 1);
  CHECK(parse_bytes("1500") == 1500);
  CHECK(parse_bytes("16GB") == 16'000'000'000);
  CHECK(parse_bytes("1.5 GiB") == 1'610'612'736);
  CHECK(parse_bytes("2kb") == 2000);
  CHECK(parse_bytes("3TiB") == 3'298'534'883'328);
  CHECK(parse_bytes("12B") == 12);
  for (const char* bad :
       {"", "0", "-1", "0.5", "GB", "1 G", "1GBs", "1  GB", "nan", "inf", "1e30", "99999999TiB", " 1"})
    CHECK(parse_bytes(bad) == std::nullopt);
}

TEST_CASE("durations are shown by their two largest units", "[unit]") {
  CHECK(duration_text(0.2) == "0 s");
  CHECK(duration_text(59.6) == "1 min 00 s");
  CHECK(duration_text(185) == "3 min 05 s");
  CHECK(duration_text(13 * 3600 + 125) == "13 h 02 min");
  CHECK(duration_text(std::numeric_limits<double>::infinity()) == "unknown");
  CHECK(duration_text(std::numeric_limits<double>::quiet_NaN()) == "unknown");
}

TEST_CASE("a bar stays within its width", "[unit]") {
  CHECK(bar_text(0.0) == "[                        ]");
  CHECK(bar_text(0.5) == "[############            ]");
  CHECK(bar_text(1.7) == "[########################]");
  CHECK(bar_text(std::numeric_limits<double>::quiet_NaN()) == bar_text(0.0));
}

}  // namespace
}  // namespace armorm
