#include "stages/prepare/bad_rows.h"

#include "io/publish.h"
#include "io/read_file.h"
#include "support/error_of.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::stages::prepare;
using namespace armorm::test;

TEST_CASE("a listed reason names flags where the reader named settings", "[unit]") {
  const TempDir dir;
  ExtractionOptions options;
  options.on_bad_row = OnBadRow::skip;
  options.max_bad_rows = "1";
  BadRows rows(options, 10, dir / "set.safetensors", io::posix_file_system());
  CHECK(rows.skipping());
  rows.reject({4, "chosen", "name the prompt's column with `columns`"});
  rows.publish();
  CHECK(io::read_text_file(dir / "set.rejects.jsonl") ==
        "{\"row_id\":4,\"field\":\"chosen\",\"reason\":\"name the prompt's column with --columns\"}\n");
  CHECK_THAT(error_of(
                 [&] {
                   rows.reject({5, "chosen", "again"});
                 },
                 ErrorKind::data),
             Catch::Contains("more than --max_bad_rows (1) allows"));
}

TEST_CASE("a bad row ends the run unless bad rows are skipped", "[unit]") {
  const TempDir dir;
  BadRows rows(ExtractionOptions{}, 10, dir / "set.safetensors", io::posix_file_system());
  CHECK_FALSE(rows.skipping());
  CHECK(error_of(
            [&] {
              rows.reject({4, "chosen", "is empty"});
            },
            ErrorKind::data) ==
        "row 4: chosen: is empty; repair it, or leave such rows out with --on_bad_row skip");
}
