#include "linear/ridge_moments.h"

#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <optional>
#include <random>

#include "core/error.h"
#include "io/publish.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "linear/dense/gram_kernel.h"
#include "linear/moments_memory.h"
#include "linear/ridge.h"
#include "support/error_of.h"
#include "support/test_support.h"

namespace armorm::linear {
namespace {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

// Rows whose sums are small integers or quarters, so that every order of summation is exact.
struct Rows {
  Rows(std::int64_t n_, std::int64_t d_, std::int64_t k_, std::uint32_t seed, bool exact = true)
      : n(n_), d(d_), k(k_) {
    std::mt19937 generator(seed);
    const auto number = [&] {
      const int value = static_cast<int>(generator() % 33) - 16;
      return static_cast<float>(value) * (exact ? 1.0F : 0.1F);
    };
    for (std::int64_t i = 0; i < n * d; ++i) {
      x.push_back(BFloat16::from_float(number()));
      x_float.push_back(exact ? x.back().to_float() : number());
    }
    for (std::int64_t i = 0; i < n * k; ++i) y.push_back(generator() % 3 == 0 ? kMissing : number());
    for (std::int64_t i = 0; i < n; ++i) {
      groups.push_back(static_cast<RowGroup>(generator() % 2));
      if (generator() % 11 == 0) groups.back() = kSkipRow;
      weights.push_back(static_cast<float>(generator() % 8) / 4.0F);
    }
  }

  void feed(RidgeAccumulator& target, std::int64_t begin, std::int64_t end, bool weighted = false,
            bool as_float = false) const {
    const auto size = static_cast<std::size_t>(end - begin);
    const MatrixView<const float> labels(y.data() + begin * k, end - begin, k);
    const auto row_groups = std::span(groups).subspan(static_cast<std::size_t>(begin), size);
    const auto row_weights = weighted ? std::span(weights).subspan(static_cast<std::size_t>(begin), size)
                                      : std::span<const float>();
    if (as_float) {
      target.add_block(MatrixView<const float>(x_float.data() + begin * d, end - begin, d), labels,
                       row_groups, row_weights);
    } else {
      target.add_block(MatrixView<const BFloat16>(x.data() + begin * d, end - begin, d), labels, row_groups,
                       row_weights);
    }
  }

  RidgeMoments moments(std::int64_t begin, std::int64_t end, AccumulatorOptions options = {}) const {
    RidgeAccumulator accumulator(d, k, options);
    feed(accumulator, begin, end, options.weighted);
    return accumulator.finish();
  }

  std::int64_t n;
  std::int64_t d;
  std::int64_t k;
  std::vector<BFloat16> x;
  std::vector<float> x_float;
  std::vector<float> y;
  std::vector<RowGroup> groups;
  std::vector<float> weights;
};

// The definition, computed row by row.
std::map<MomentKey, MomentBlock> by_definition(const Rows& rows, bool weighted) {
  std::map<MomentKey, MomentBlock> blocks;
  for (std::int64_t r = 0; r < rows.n; ++r) {
    if (rows.groups[r] == kSkipRow) continue;
    MomentKey key{rows.groups[r], std::string(static_cast<std::size_t>(rows.k), '0')};
    std::vector<double> z;
    for (std::int64_t j = 0; j < rows.d; ++j) z.push_back(rows.x[r * rows.d + j].to_float());
    for (std::int64_t j = 0; j < rows.k; ++j) {
      const float label = rows.y[r * rows.k + j];
      if (std::isnan(label)) continue;
      key.pattern[static_cast<std::size_t>(j)] = '1';
      z.push_back(label);
    }
    if (key.pattern.find('1') == std::string::npos) continue;
    z.push_back(1.0);
    MomentBlock& block = blocks[key];
    block.lower.resize(z.size() * (z.size() + 1) / 2);
    ++block.n_rows;
    std::size_t at = 0;
    for (std::size_t i = 0; i < z.size(); ++i) {
      for (std::size_t j = 0; j <= i; ++j)
        block.lower[at++] += (weighted ? rows.weights[r] : 1.0) * z[i] * z[j];
    }
  }
  return blocks;
}

void check_same_bits(const RidgeMoments& a, const RidgeMoments& b) {
  REQUIRE(a.blocks().size() == b.blocks().size());
  for (const auto& [key, block] : a.blocks()) {
    CAPTURE(static_cast<int>(key.group), key.pattern);
    REQUIRE(b.blocks().contains(key));
    const MomentBlock& other = b.blocks().at(key);
    CHECK(block.n_rows == other.n_rows);
    REQUIRE(block.lower.size() == other.lower.size());
    CHECK(std::memcmp(block.lower.data(), other.lower.data(), block.lower.size() * sizeof(double)) == 0);
  }
}

using test::error_of;

TEST_CASE("moments are the sums that define them", "[unit]") {
  for (const std::int64_t d : {1, 7, 8, 24, 37, 200}) {
    CAPTURE(d);
    const Rows rows(1500, d, 3, 1);
    for (const bool weighted : {false, true}) {
      const RidgeMoments moments = rows.moments(0, rows.n, {.weighted = weighted});
      const auto expected = by_definition(rows, weighted);
      REQUIRE(moments.blocks().size() == expected.size());
      for (const auto& [key, block] : expected) {
        REQUIRE(moments.blocks().contains(key));
        CHECK(moments.blocks().at(key).n_rows == block.n_rows);
        CHECK(moments.blocks().at(key).lower == block.lower);
      }
    }
  }
}

TEST_CASE("float32 embeddings give the sums of their values", "[unit]") {
  const Rows rows(900, 21, 2, 2);
  RidgeAccumulator accumulator(rows.d, rows.k, {});
  rows.feed(accumulator, 0, rows.n, false, true);
  check_same_bits(accumulator.finish(), rows.moments(0, rows.n));
}

TEST_CASE("moments are the same bits for any threads and blocks", "[unit]") {
  const Rows rows(2500, 40, 3, 3, false);
  RidgeAccumulator one(rows.d, rows.k, {.n_threads = 1});
  rows.feed(one, 0, rows.n, false, true);
  const RidgeMoments expected = one.finish();
  for (const int n_threads : {1, 2, 5}) {
    for (const std::int64_t block : {1, 97, 384, 2000}) {
      CAPTURE(n_threads, block);
      RidgeAccumulator accumulator(rows.d, rows.k, {.n_threads = n_threads});
      for (std::int64_t begin = 0; begin < rows.n; begin += block) {
        rows.feed(accumulator, begin, std::min(begin + block, rows.n), false, true);
      }
      CHECK(accumulator.rows_seen() == rows.n);
      check_same_bits(accumulator.finish(), expected);
    }
  }
}

TEST_CASE("chunks that are packed and added side by side keep their order", "[unit]") {
  // Three stripes of columns, one pattern or two: chunks wait for others with the same sums and with other
  // sums.
  for (const std::int64_t n_labels : {1, 2}) {
    Rows rows(9000, 400, n_labels, 9, false);
    std::fill(rows.groups.begin(), rows.groups.end(), kTrainRow);
    for (std::size_t r = 0; r < rows.groups.size(); ++r)
      rows.y[r * static_cast<std::size_t>(n_labels)] = 1.0F;
    RidgeAccumulator one(rows.d, rows.k, {.n_threads = 1, .weighted = true});
    for (std::int64_t begin = 0; begin < rows.n; begin += 300) rows.feed(one, begin, begin + 300, true, true);
    const RidgeMoments expected = one.finish();
    REQUIRE(expected.blocks().size() == static_cast<std::size_t>(n_labels));
    for (const int n_threads : {2, 3, 8}) {
      CAPTURE(n_labels, n_threads);
      RidgeAccumulator accumulator(rows.d, rows.k, {.n_threads = n_threads, .weighted = true});
      rows.feed(accumulator, 0, rows.n, true, true);
      check_same_bits(accumulator.finish(), expected);
    }
  }
}

TEST_CASE("saved shards merge to the bits of one process", "[unit]") {
  const Rows rows(3000, 30, 3, 4, false);
  const std::vector<std::int64_t> cuts{0, 700, 1300, 1301, 2999, 3000};
  RidgeMoments together;
  for (std::size_t s = 0; s + 1 < cuts.size(); ++s) together.add(rows.moments(cuts[s], cuts[s + 1]));

  const test::TempDir folder;
  for (std::size_t s = 0; s + 1 < cuts.size(); ++s) {
    rows.moments(cuts[s], cuts[s + 1], {.n_threads = 3})
        .save(folder / ("part" + std::to_string(s)), {{"shard", std::to_string(s)}});
  }
  RidgeMoments merged;
  for (std::size_t s = 0; s + 1 < cuts.size(); ++s) {
    std::map<std::string, std::string> metadata;
    merged.add(RidgeMoments::load(folder / ("part" + std::to_string(s)), &metadata));
    CHECK(metadata.at("shard") == std::to_string(s));
  }
  CHECK(merged.n_features() == 30);
  CHECK(merged.n_attributes() == 3);
  CHECK(merged.n_groups() == 2);
  CHECK_FALSE(merged.weighted());
  check_same_bits(merged, together);
}

TEST_CASE("moments of other sizes are not added", "[unit]") {
  RidgeMoments moments(4, 2, 2);
  CHECK_THAT(error_of([&] { moments.add(RidgeMoments(5, 2, 2)); }, ErrorKind::data),
             Catch::Contains("5 features") && Catch::Contains("4, 2, 2"));
  CHECK_THAT(error_of([&] { moments.add(RidgeMoments(4, 2, 2, true)); }, ErrorKind::data),
             Catch::Contains("weighted true"));
}

TEST_CASE("a file that is not of moments is refused by name", "[unit]") {
  const test::TempDir folder;
  const auto write = [&](const std::string& tensor, std::int64_t size, const io::Metadata& metadata) {
    io::SafetensorsWriter writer(folder / "file", {{tensor, DType::f64, {size}}}, metadata);
    writer.append(std::span<const double>(std::vector<double>(static_cast<std::size_t>(size))));
    writer.publish();
  };
  const auto load = [&] { return error_of([&] { RidgeMoments::load(folder / "file"); }, ErrorKind::data); };
  const io::Metadata good{{"format", "armorm-ridge-moments-1"},
                          {"n_features", "2"},
                          {"n_attributes", "1"},
                          {"n_groups", "2"},
                          {"weighted", "0"},
                          {"rows.0.1", "3"}};
  write("moments.0.1", 10, good);
  CHECK(RidgeMoments::load(folder / "file").blocks().at({0, "1"}).n_rows == 3);
  write("moments.0.1", 9, good);
  CHECK_THAT(load(), Catch::Contains("moments.0.1") && Catch::Contains("10"));
  for (const char* name : {"moments.2.1", "moments.0.0", "moments.0.11", "moments.0.x", "moments.01",
                           "moments.", "other", "moments.-1.1", "moments.99999999999.1"}) {
    write(name, 10, good);
    CHECK_THAT(load(), Catch::Contains(name));
  }
  for (const char* name : {"format", "n_features", "n_attributes", "n_groups", "weighted", "rows.0.1"}) {
    io::Metadata metadata = good;
    metadata[name] = "-1";
    write("moments.0.1", 10, metadata);
    CHECK_THAT(load(), Catch::Contains(name));
    metadata.erase(name);
    write("moments.0.1", 10, metadata);
    CHECK_THAT(load(), Catch::Contains(name));
  }
}

TEST_CASE("moments that were changed after they were saved are refused by name", "[unit]") {
  const test::TempDir folder;
  const std::filesystem::path path = folder / "part.safetensors";
  Rows(200, 5, 2, 3, false).moments(0, 200).save(path, {{"shard", "1"}});
  const std::string saved = io::read_text_file(path);
  const std::size_t header = saved.find("}}") + 2;  // the last bracket; blanks follow
  std::mt19937_64 random(5);
  for (int i = 0; i < 300; ++i) {
    std::string flipped = saved;
    const std::size_t at = i % 2 == 0 ? random() % header : saved.size() - 1 - random() % 400;
    flipped[at] = static_cast<char>(static_cast<unsigned char>(flipped[at]) ^ (1U << (random() % 8)));
    std::ofstream(path, std::ios::binary) << flipped;
    INFO("byte " << at);
    CHECK_THAT(error_of([&] { RidgeMoments::load(path); }, ErrorKind::data), Catch::Contains(path.string()));
  }
  std::string last = saved;
  last.back() = static_cast<char>(last.back() ^ 1);
  io::publish_text(path, last);
  CHECK_THAT(error_of([&] { RidgeMoments::load(path); }, ErrorKind::data),
             Catch::Contains("tensor \"moments.1.") && Catch::Contains("was changed after it was written"));
}

TEST_CASE("patterns beyond the limit are split into single labels", "[unit]") {
  const Rows rows(1200, 9, 6, 5);
  const RidgeMoments all = rows.moments(0, rows.n);
  const RidgeMoments few = rows.moments(0, rows.n, {.max_patterns = 2});
  CHECK(all.blocks().size() > 60);
  CHECK(few.blocks().size() <= 2 * (2 + 6));
  // However the patterns are split, the sums over the patterns of an attribute are the attribute's own.
  for (std::int64_t k = 0; k < rows.k; ++k) {
    const auto gram_of = [&](const RidgeMoments& moments) {
      std::vector<double> gram(9 * 10 / 2);
      for (const auto& [key, block] : moments.blocks()) {
        if (key.pattern[static_cast<std::size_t>(k)] != '1') continue;
        for (std::size_t i = 0; i < gram.size(); ++i) gram[i] += block.lower[i];
      }
      return gram;
    };
    CHECK(gram_of(all) == gram_of(few));
  }
}

TEST_CASE("the memory of the sums is known from the labels", "[unit]") {
  const Rows rows(1200, 9, 6, 5);
  for (const int max_patterns : {2, 5, 64}) {
    const AccumulatorOptions options{.max_patterns = max_patterns};
    MomentsMemory memory(rows.d, rows.k, options);
    for (const auto& [begin, end] : {std::pair<std::int64_t, std::int64_t>{0, 7}, {7, rows.n}})
      memory.add_block({rows.y.data() + begin * rows.k, end - begin, rows.k},
                       std::span(rows.groups)
                           .subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)));
    const RidgeMoments moments = rows.moments(0, rows.n, options);
    std::size_t doubles = 0;
    for (const auto& [key, block] : moments.blocks()) doubles += block.lower.size();
    CHECK(memory.n_sums() == std::ssize(moments.blocks()));
    CHECK(memory.bytes() == doubles * sizeof(double));
  }
}

TEST_CASE("many attributes have fewer sums of their own", "[unit]") {
  CHECK(max_patterns_for(4096, 19) == 64);
  CHECK(max_patterns_for(8, 100) == 64);
  CHECK(max_patterns_for(4096, 1000) == 41);  // 64 (4096 / 5096)² = 41.3
  CHECK(max_patterns_for(4096, 5000) == 12);  // 64 (4096 / 9096)² = 12.98
  CHECK(max_patterns_for(64, 5000) == 1);
}

TEST_CASE("correlations of more than 500 labels are left out", "[unit]") {
  const Rows rows(8, 2, 501, 5);
  CHECK(label_correlations(rows.moments(0, rows.n)).empty());
}

TEST_CASE("values that cannot be summed are named with their row", "[unit]") {
  const auto message = [](auto spoil, bool weighted = false) {
    Rows rows(600, 10, 2, 6);
    std::fill(rows.groups.begin(), rows.groups.end(), kTrainRow);
    for (float& label : rows.y) label = 1.0F;
    spoil(rows);
    return error_of([&] { rows.moments(0, rows.n, {.weighted = weighted}); }, ErrorKind::data);
  };
  const float inf = std::numeric_limits<float>::infinity();
  CHECK_THAT(message([&](Rows& r) { r.x[431 * 10 + 7] = BFloat16::from_float(inf); }),
             Catch::Contains("row 431") && Catch::Contains("column 7") && Catch::Contains("inf"));
  CHECK_THAT(message([&](Rows& r) { r.x[10] = BFloat16::from_float(kMissing); }),
             Catch::Contains("row 1 ") && Catch::Contains("column 0") && Catch::Contains("nan"));
  CHECK_THAT(message([&](Rows& r) { r.y[500 * 2 + 1] = inf; }),
             Catch::Contains("label 1 of row 500") && Catch::Contains("infinite"));
  CHECK_THAT(message([&](Rows& r) { r.weights[3] = -1.0F; }, true), Catch::Contains("weight of row 3 is -1"));
}

TEST_CASE("the first row that is not finite is named whatever the threads", "[unit]") {
  Rows rows(4000, 30, 2, 6);
  std::fill(rows.groups.begin(), rows.groups.end(), kTrainRow);
  for (float& label : rows.y) label = 1.0F;
  for (const std::int64_t r : {1900, 1300, 3999}) rows.x[r * 30 + r % 7] = BFloat16::from_float(kMissing);
  for (const int n_threads : {1, 4}) {
    CHECK_THAT(error_of([&] { rows.moments(0, rows.n, {.n_threads = n_threads}); }, ErrorKind::data),
               Catch::Contains("row 1300 ") && Catch::Contains("column 5"));
  }
}

TEST_CASE("rows without labels and skipped rows leave no trace", "[unit]") {
  Rows rows(50, 5, 2, 7);
  std::fill(rows.groups.begin(), rows.groups.end(), kSkipRow);
  // A skipped row is not even read.
  rows.x[3] = BFloat16::from_float(kMissing);
  CHECK(rows.moments(0, rows.n).blocks().empty());
  std::fill(rows.groups.begin(), rows.groups.end(), kTrainRow);
  std::fill(rows.y.begin(), rows.y.end(), kMissing);
  CHECK(rows.moments(0, rows.n).blocks().empty());
}

TEST_CASE("every instruction set gives the same bits", "[unit]") {
  using namespace dense;
  constexpr std::int64_t kColumns = 90;
  const std::int64_t row_tiles = TileMatrix::row_tiles_for(kColumns);
  std::mt19937_64 generator(8);
  std::vector<double> packed(static_cast<std::size_t>(row_tiles * kTileRows * kBlockRows));
  for (double& value : packed) value = static_cast<double>(generator()) * 0x1p-63 - 1.0;
  for (const std::int64_t n_rows : {std::int64_t{1}, std::int64_t{383}, kBlockRows}) {
    const auto sums = [&](InstructionSet set) {
      TileMatrix out(kColumns);
      accumulate(set, n_rows, packed.data(), packed.data(), 0, row_tiles, out);
      accumulate(set, n_rows, packed.data(), packed.data(), 0, row_tiles, out);
      return out;
    };
    const TileMatrix expected = sums(InstructionSet::portable);
    for (const InstructionSet set : {InstructionSet::avx2, InstructionSet::avx512}) {
      CAPTURE(n_rows, std::string(name_of(set)));
      if (!is_supported(set)) continue;
      const TileMatrix found = sums(set);
      bool same = true;
      for (std::int64_t i = 0; i < kColumns; ++i) {
        for (std::int64_t j = 0; j <= i; ++j) same = same && found.at(i, j) == expected.at(i, j);
      }
      CHECK(same);
    }
  }
}

TEST_CASE("both products of a tile are the sums that define them, in every instruction set", "[unit]") {
  constexpr std::int64_t kDepth = 53, kStride = 60;
  std::mt19937_64 generator(9);
  const auto numbers = [&](std::int64_t n) {  // products and sums are exact
    std::vector<double> out;
    for (std::int64_t i = 0; i < n; ++i) out.push_back(static_cast<double>(generator() % 2001) - 1000.0);
    return out;
  };
  const auto a = numbers(kDepth * kStride);  // rows of length kStride, panels adjacent
  const dense::LeftFactor left{a.data(), kStride, dense::kPanel};
  const auto panel = numbers(kDepth * dense::kPanel);
  const auto columns = numbers(dense::kPanel * kStride);
  const auto before = numbers(dense::kPanel * dense::kTileRows);
  for (const dense::InstructionSet set :
       {dense::InstructionSet::portable, dense::InstructionSet::avx2, dense::InstructionSet::avx512}) {
    if (!dense::is_supported(set)) continue;
    CAPTURE(std::string(dense::name_of(set)));
    auto product = before;
    auto dots = before;
    dense::tile_kernels(set).multiply(kDepth, left, panel.data(), product.data(), dense::kTileRows);
    dense::tile_kernels(set).dots(kDepth, left, columns.data(), kStride, dots.data(), dense::kTileRows);
    auto expected_product = before;
    auto expected_dots = before;
    for (std::int64_t j = 0; j < dense::kPanel; ++j) {
      for (std::int64_t i = 0; i < dense::kTileRows; ++i) {
        for (std::int64_t k = 0; k < kDepth; ++k) {
          const double value = a[k * kStride + i];
          expected_product[j * dense::kTileRows + i] += value * panel[k * dense::kPanel + j];
          if (i < dense::kDotRows)
            expected_dots[j * dense::kTileRows + i] += value * columns[j * kStride + k];
        }
      }
    }
    CHECK(product == expected_product);
    CHECK(dots == expected_dots);
    double sum = 0.0;
    for (std::int64_t i = 0; i < kStride; ++i) sum += columns[i] * a[i];
    CHECK(dense::tile_kernels(set).dot(kStride, columns.data(), a.data()) == sum);
    auto vector = before;
    dense::tile_kernels(set).add_multiple(kDepth, 3.0, a.data(), vector.data());
    for (std::int64_t i = 0; i < kDepth; ++i) CHECK(vector[i] == before[i] + 3.0 * a[i]);
  }
}

TEST_CASE("sums of rounded products have the same bits in every instruction set", "[unit]") {
  constexpr std::int64_t kLength = 32 * 40 + 7;  // with a remainder
  std::mt19937_64 generator(10);
  const auto numbers = [&] {
    std::vector<double> out;
    for (std::int64_t i = 0; i < kLength; ++i)
      out.push_back(static_cast<double>(generator()) * 0x1p-63 - 1.0);
    return out;
  };
  const auto x = numbers();
  const auto y = numbers();
  for (const std::int64_t n : {std::int64_t{1}, std::int64_t{31}, std::int64_t{32}, kLength}) {
    const dense::TileKernels& portable = dense::tile_kernels(dense::InstructionSet::portable);
    auto expected = y;
    portable.add_multiple(n, 0.7, x.data(), expected.data());
    for (std::int64_t i = 0; i < n; ++i) CHECK(expected[i] == std::fma(0.7, x[i], y[i]));
    for (const dense::InstructionSet set : {dense::InstructionSet::avx2, dense::InstructionSet::avx512}) {
      if (!dense::is_supported(set)) continue;
      CAPTURE(n, std::string(dense::name_of(set)));
      CHECK(dense::tile_kernels(set).dot(n, x.data(), y.data()) == portable.dot(n, x.data(), y.data()));
      auto found = y;
      dense::tile_kernels(set).add_multiple(n, 0.7, x.data(), found.data());
      CHECK(found == expected);
    }
  }
}

}  // namespace
}  // namespace armorm::linear
