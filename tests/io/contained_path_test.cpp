#include "io/contained_path.h"

#include <fstream>

#include "core/error.h"
#include "io/safetensors.h"
#include "support/error_of.h"
#include "support/test_support.h"

namespace fs = std::filesystem;
using namespace armorm;
using namespace armorm::io;
using armorm::test::error_of;
using armorm::test::TempDir;
using Catch::Matchers::Contains;

namespace {

void put(const fs::path& path, const std::string& text = "x") {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

void link(const fs::path& target, const fs::path& link) {
  fs::create_directories(link.parent_path());
  fs::create_symlink(target, link);
}

void check_leads_out(const fs::path& file, const fs::path& root) {
  CHECK_THAT(error_of([&] { io::check_stays_inside(file, root); }, ErrorKind::data),
             Contains(file.string()) && Contains("leads out of"));
}

}  // namespace

TEST_CASE("names that are paths are no names of files", "[unit]") {
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("a/b"), std::string("/a"),
        std::string("..\\a"), std::string("a\0b", 3), std::string(256, 'a')})
    CHECK_FALSE(io::is_plain_file_name(name));
  for (const std::string& name :
       {std::string("a..b"), std::string("..."), std::string("a b"), std::string(255, 'a')})
    CHECK(io::is_plain_file_name(name));
}

TEST_CASE("links within a folder are followed, links out of it refused", "[unit]") {
  const TempDir dir;
  const fs::path root = dir / "set";
  put(root / "data/a");
  put(dir / "outside/b");
  link("data/a", root / "inside");
  link("../outside/b", root / "out");
  link("out", root / "out_by_two");
  link(dir / "outside", root / "folder");
  link("nowhere", root / "dangling");
  for (const char* name : {"data/a", "inside", "dangling", "missing", "data/../data/a"})
    CHECK_NOTHROW(io::check_stays_inside(root / name, root));
  for (const char* name : {"out", "out_by_two", "folder/b", "../outside/b"})
    check_leads_out(root / name, root);
  // A folder whose name has the same beginning is a different one; a folder reached by a link is itself.
  put(dir / "set2/c");
  check_leads_out(dir / "set2/c", root);
  link("set", dir / "alias");
  CHECK_NOTHROW(io::check_stays_inside(dir / "alias/inside", dir / "alias"));
  link("turns", root / "turns");
  CHECK_THROWS_AS(io::check_stays_inside(root / "turns", root), Error);
}

TEST_CASE("a snapshot of the Hub cache may link to its own blobs alone", "[unit]") {
  const TempDir dir;
  const fs::path snapshot = dir / "hub/models--org--name/snapshots/abc";
  put(dir / "hub/models--org--name/blobs/1");
  put(dir / "hub/models--org--name/refs/main");
  put(dir / "hub/models--org--other/blobs/2");
  link("../../blobs/1", snapshot / "good");
  link("../../refs/main", snapshot / "ref");
  link("../../../models--org--other/blobs/2", snapshot / "other");
  CHECK_NOTHROW(io::check_stays_inside(snapshot / "good", snapshot));
  check_leads_out(snapshot / "ref", snapshot);
  check_leads_out(snapshot / "other", snapshot);
  // A folder with this name that is not a cache.
  put(dir / "home/blobs/secret");
  link("../../blobs/secret", dir / "home/snapshots/set/x");
  check_leads_out(dir / "home/snapshots/set/x", dir / "home/snapshots/set");
}

TEST_CASE("an index cannot name shards outside of its folder", "[unit]") {
  const TempDir dir;
  const fs::path folder = dir / "model";
  fs::create_directories(folder);
  const fs::path shard = test::golden("io/no_tensors.safetensors");
  fs::copy_file(shard, dir / "outside.safetensors");
  link(dir / "outside.safetensors", folder / "link.safetensors");
  const auto open_with = [&](const std::string& name) {
    put(folder / "model.safetensors.index.json", R"({"weight_map":{"a":")" + name + "\"}}");
    return error_of([&] { SafetensorsFolder::open(folder); }, ErrorKind::data);
  };
  CHECK_THAT(open_with("link.safetensors"), Contains("leads out of") && Contains("link.safetensors"));
  CHECK_THAT(open_with("../outside.safetensors"), Contains("same folder") && Contains("index.json"));
  CHECK_THAT(open_with(std::string(5000, 'a')), Contains("same folder"));
  CHECK_THAT(open_with("a\\u0000b"), Contains("same folder"));
}

TEST_CASE("a tensor of no elements may have sizes whose product is no number", "[unit]") {
  const TempDir dir;
  const std::string header = R"({"a":{"dtype":"U8","shape":[4611686018427387904,2,0],"data_offsets":[0,0]}})";
  std::string bytes(8, '\0');
  bytes[0] = static_cast<char>(header.size());
  put(dir / "x.safetensors", bytes + header);
  CHECK(SafetensorsFile::open(dir / "x.safetensors").at("a").numel() == 0);
}
