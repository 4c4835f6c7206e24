// --batch_invariant over complete runs: shards, packs and threads must not change a single bit.
#include <algorithm>
#include <map>

#include "e2e/demo_fixture.h"
#include "io/safetensors.h"
#include "support/fixed_kernels.h"

using namespace armorm;
using namespace armorm::test;
namespace fs = std::filesystem;

namespace {

struct Run {
  int n_shards;
  const char* batch_tokens;
  const char* threads;
};

// "<tensor> <row id>" -> the row's bytes, over all shards.
using Rows = std::map<std::string, std::string>;

void add_rows(const fs::path& path, Rows& rows) {
  const io::SafetensorsFile file = io::SafetensorsFile::open(path);
  CHECK(file.metadata().at("batch_invariant") == "true");
  const auto ids = file.at("row_ids", DType::i64, {-1}).as<std::int64_t>();
  for (const char* tensor : {"embeddings", "prompt_embeddings"}) {
    if (!file.contains(tensor)) continue;
    const auto bytes = file.at(tensor).bytes;
    const std::size_t size = bytes.size() / ids.size();
    for (std::size_t i = 0; i < ids.size(); ++i)
      rows[tensor + std::string(" ") + std::to_string(ids[i])] = {
          reinterpret_cast<const char*>(bytes.data()) + i * size, size};
  }
}

Rows rows_of(const std::string& program, const std::string& precision, const Run& run) {
  const TempDir root;
  for (int k = 1; k <= run.n_shards; ++k) {
    std::vector<std::string> flags = stage_flags(program, demo_dir(), root.path());
    if (program == "stage2-prepare")
      flags.insert(flags.end(), {"--dataset_path", (demo_dir() / "preference").string()});
    *(std::find(flags.begin(), flags.end(), "--precision") + 1) = precision;
    flags.insert(flags.end(),
                 {"--batch_invariant", "--n_shards", std::to_string(run.n_shards), "--shard_idx",
                  std::to_string(k), "--batch_tokens", run.batch_tokens, "--threads", run.threads});
    const ProcessResult result = run_program(program, flags);
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
  }
  Rows rows;
  for (const auto& entry : fs::recursive_directory_iterator(root.path()))
    if (entry.path().extension() == ".safetensors") add_rows(entry.path(), rows);
  return rows;
}

void check_runs(const std::string& program, const std::string& precision, std::size_t expected) {
  CAPTURE(program, precision);
  const Rows whole = rows_of(program, precision, {1, "0", "2"});
  CHECK(whole.size() == expected);
  for (const Run& run : {Run{2, "100000", "3"}, Run{3, "150", "1"}}) {
    CAPTURE(run.n_shards, run.batch_tokens);
    const Rows rows = rows_of(program, precision, run);
    REQUIRE(rows.size() == whole.size());
    std::size_t different = 0;
    for (const auto& [key, bytes] : rows) different += whole.at(key) != bytes ? 1 : 0;
    CHECK(different == 0);
  }
}

}  // namespace

TEST_CASE("batch_invariant embeddings of conversations have the same bytes in every run", "[e2e]") {
  if (!can_be_batch_invariant()) ARMORM_SKIP(kOnlyLibtorch);
  check_runs("stage1-prepare", "fp32", 400);
  check_runs("stage1-prepare", "bf16", 400);
}

TEST_CASE("batch_invariant embeddings of pairs have the same bytes in every run", "[e2e]") {
  if (!can_be_batch_invariant()) ARMORM_SKIP(kOnlyLibtorch);
  check_runs("stage2-prepare", "fp32", 400);
}
