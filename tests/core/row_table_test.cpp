#include "core/row_table.h"

#include "support/test_support.h"

using namespace armorm;

TEST_CASE("a table of blocks finds each row in its block", "[unit]") {
  std::vector<BFloat16> values;
  for (int i = 0; i < 14; ++i) values.push_back(BFloat16::from_float(static_cast<float>(i)));
  RowTable table;
  CHECK((table.rows() == 0 && table.cols() == 0));
  table.add({values.data() + 10, 2, 2});
  table.add({values.data(), 0, 2});
  table.add({values.data(), 3, 2, 3});  // rows at 0, 3 and 6
  REQUIRE((table.rows() == 5 && table.cols() == 2));
  std::vector<float> first;
  for (std::int64_t r = 0; r < table.rows(); ++r) {
    REQUIRE(table.row(r).size() == 2);
    first.push_back(table.row(r)[0].to_float());
  }
  CHECK(first == std::vector<float>{10, 12, 0, 3, 6});
}
