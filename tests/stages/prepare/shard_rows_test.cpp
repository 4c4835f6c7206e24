#include "stages/prepare/shard_rows.h"

#include <nlohmann/json.hpp>

#include "io/read_file.h"
#include "support/test_support.h"

TEST_CASE("shards hold the rows that datasets' filter, shuffle and shard give", "[golden]") {
  const auto cases =
      nlohmann::json::parse(armorm::io::read_text_file(armorm::test::golden("stages/shards.json")));
  REQUIRE(cases.size() > 30);
  for (const auto& c : cases) {
    INFO(c.dump().substr(0, 90));
    const auto n = c["n"].get<std::int64_t>();
    std::vector<std::int64_t> candidates;
    for (std::int64_t row = 0; row < n; row += c["every"].get<std::int64_t>()) candidates.push_back(row);
    const armorm::stages::prepare::ShardRows shard =
        armorm::stages::prepare::select_shard(n, candidates, c["shuffle"], c["n_shards"], c["shard_idx"]);
    CHECK(shard.row_ids == c["rows"].get<std::vector<std::int64_t>>());
    for (std::size_t i = 0; i < shard.row_ids.size(); ++i)
      CHECK(shard.position_of[static_cast<std::size_t>(shard.row_ids[i])] == static_cast<std::int64_t>(i));
    const std::vector<bool> wanted = shard.wanted();
    CHECK(std::count(wanted.begin(), wanted.end(), true) ==
          static_cast<std::ptrdiff_t>(shard.row_ids.size()));
  }
}
