#include "support/linear_time.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "hub/download.h"
#include "hub/hub_fake.h"
#include "hub/snapshot.h"

using namespace armorm;

TEST_CASE("A list of files of the Hub is read in linear time") {
  hub::HubClientOptions options;
  options.cache = "/cache";
  const hub::HubRepo repo{options, hub::RepoKind::model, {"org/name", "main"}};
  test::check_linear_time(60'000, [&](std::size_t n) {
    std::string body = R"({"sha":")" + test::kCommit + R"(","siblings":[)";
    for (std::size_t i = 0; i < n; ++i)
      body += fmt::format(R"({}{{"rfilename":"model-{}.safetensors"}})", i == 0 ? "" : ",", i);
    body += "]}";
    return [&repo, body, n] {
      const auto names = hub::parse_listing(repo, body).names;
      CHECK(hub::files_to_fetch(repo.kind, "org/name", names).size() == n);
    };
  });
}
