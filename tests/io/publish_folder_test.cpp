// A folder appears under its name only when it is complete, and replaces another one in one step.
#include "io/publish_folder.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cstring>
#include <map>
#include <set>

#include "core/error.h"
#include "io/publish.h"
#include "io/read_file.h"
#include "support/fault_file_system.h"
#include "support/forwarding_file_system.h"
#include "support/other_user.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::io;
using namespace armorm::test;
namespace fs = std::filesystem;

namespace {

using Files = std::map<std::string, std::string>;

Files files_in(const fs::path& folder) {
  Files files;
  if (!fs::exists(folder)) return files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file())
      files[fs::relative(entry.path(), folder).string()] = read_text_file(entry.path());
  return files;
}

void publish(const fs::path& target, const fs::path& weights, const std::string& text, FileSystem& files) {
  AtomicFolder folder(target, files);
  const bool linked = folder.link_file(weights, "weights");
  REQUIRE(linked);
  publish_text(folder.building() / "text", text, files);
  folder.publish();
}

ino_t inode(const fs::path& path) {
  struct stat info {};
  REQUIRE(stat(path.c_str(), &info) == 0);
  return info.st_ino;
}

std::size_t entries_in(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

// Like network file systems.
class WithoutExchange final : public FaultFileSystem {
 public:
  using FaultFileSystem::FaultFileSystem;
  int exchange(const fs::path&, const fs::path&) override {
    errno = EINVAL;
    return -1;
  }
};

// Like an overlay file system, whose lower layer holds the folders that are there at first: they can be
// removed, but not renamed.
class LowerLayer final : public FaultFileSystem {
 public:
  LowerLayer(const fs::path& root, Fault fault, std::size_t at) : FaultFileSystem(root, fault, at) {
    for (const auto& entry : fs::recursive_directory_iterator(root))
      if (entry.is_directory()) lower_.insert(entry.path());
  }
  int rename(const fs::path& from, const fs::path& to) override {
    return lower_.contains(from) ? refuse() : FaultFileSystem::rename(from, to);
  }
  int exchange(const fs::path& one, const fs::path& other) override {
    return lower_.contains(one) || lower_.contains(other) ? refuse() : FaultFileSystem::exchange(one, other);
  }
  int remove_folder(const fs::path& folder) override {
    const int result = FaultFileSystem::remove_folder(folder);
    if (result == 0) lower_.erase(folder);
    return result;
  }

 private:
  static int refuse() {
    errno = EXDEV;
    return -1;
  }
  std::set<fs::path> lower_;
};

// A mounted overlay over `lower`; what is written goes to a folder of its own.
class Overlay {
 public:
  explicit Overlay(const fs::path& lower) {
    for (const char* name : {"upper", "work", "merged"}) fs::create_directory(dir_ / name);
    const std::string layers = "lowerdir=" + lower.string() + ",upperdir=" + (dir_ / "upper").string() +
                               ",workdir=" + (dir_ / "work").string();
    if (mount("overlay", (dir_ / "merged").c_str(), "overlay", 0, layers.c_str()) != 0)
      failure_ = std::strerror(errno);
  }
  ~Overlay() {
    if (failure_.empty()) umount2((dir_ / "merged").c_str(), MNT_DETACH);
  }
  Overlay(const Overlay&) = delete;
  Overlay& operator=(const Overlay&) = delete;
  const std::string& failure() const { return failure_; }
  fs::path merged() const { return dir_ / "merged"; }

 private:
  TempDir dir_;
  std::string failure_;
};

}  // namespace

TEST_CASE("a folder is published whole, with links to the files themselves", "[unit]") {
  const TempDir dir;
  publish_text(dir / "blob", "w");
  fs::create_symlink(dir / "blob", dir / "name in a cache");
  publish(dir / "new/model/", dir / "name in a cache", "one", posix_file_system());
  CHECK(files_in(dir / "new/model") == Files{{"text", "one"}, {"weights", "w"}});
  CHECK(inode(dir / "new/model/weights") == inode(dir / "blob"));
  CHECK_FALSE(fs::is_symlink(dir / "new/model/weights"));
  CHECK(entries_in(dir / "new") == 1);
  fs::remove(dir / "blob");  // like a cache that is cleared
  CHECK(read_text_file(dir / "new/model/weights") == "w");
}

TEST_CASE("a folder that is there is replaced", "[unit]") {
  const TempDir dir;
  publish_text(dir / "blob", "w");
  WithoutLinks old;
  for (FileSystem* files : {&posix_file_system(), static_cast<FileSystem*>(&old)}) {
    fs::create_directories(dir / "model/more");
    publish_text(dir / "model/more/left", "over");
    AtomicFolder folder(dir / "model", *files);
    publish_text(folder.building() / "text", "two", *files);
    CHECK(folder.link_file(dir / "blob", "weights") == (files != &old));
    CHECK(files_in(dir / "model").contains("more/left"));
    folder.publish();
    CHECK(files_in(dir / "model").at("text") == "two");
    CHECK_FALSE(files_in(dir / "model").contains("more/left"));
    CHECK(entries_in(dir.path()) == 2);
    fs::remove_all(dir / "model");
  }
}

TEST_CASE("what is not published leaves nothing, and killed processes' folders are cleared away", "[unit]") {
  const TempDir dir;
  {
    AtomicFolder folder(dir / "model");
    publish_text(folder.building() / "text", "never");
  }
  CHECK(entries_in(dir.path()) == 0);
  fs::create_directories(dir / ".model.0123456789abcdef.tmp/sub");
  publish_text(dir / ".model.0123456789abcdef.tmp/sub/half", "h");
  AtomicFolder living(dir / "model");
  AtomicFolder second(dir / "model");
  CHECK_FALSE(fs::exists(dir / ".model.0123456789abcdef.tmp"));
  CHECK(fs::exists(living.building()));
  CHECK_THROWS_AS(AtomicFolder("/"), Error);
}

TEST_CASE("a folder survives a fault in every call of its publishing", "[unit]") {
  for (const bool replaces : {false, true})
    for (const Fault fault : {Fault::io_error, Fault::disk_full, Fault::short_write, Fault::power_loss})
      for (const Unsynced unsynced : {Unsynced::entries_lost, Unsynced::entries_kept, Unsynced::data_torn}) {
        const Files before = replaces ? Files{{"text", "old"}, {"weights", "w"}} : Files{};
        const Files after{{"text", "new"}, {"weights", "w"}};
        bool reached = true;
        std::size_t at = 0;
        for (; reached; ++at) {
          CAPTURE(replaces, static_cast<int>(fault), static_cast<int>(unsynced), at);
          const TempDir dir;
          const TempDir elsewhere;
          publish_text(elsewhere / "blob", "w");
          if (replaces) publish(dir / "model", elsewhere / "blob", "old", posix_file_system());
          FaultFileSystem files(dir.path(), fault, at);
          bool failed = false;
          try {
            publish(dir / "model", elsewhere / "blob", "new", files);
          } catch (const Error& error) {
            failed = true;
            CHECK(error.kind() == ErrorKind::io);
          }
          reached = files.reached();
          if (fault == Fault::power_loss) files.lose_power(unsynced);
          const Files found = files_in(dir / "model");
          CHECK((found == after || (failed && found == before)));
          FaultFileSystem sound(dir.path(), Fault::none, 0);
          publish(dir / "model", elsewhere / "blob", "new", sound);
          CHECK(files_in(dir / "model") == after);
          CHECK(entries_in(dir.path()) == 1);
        }
        CHECK(at > 10);
      }
}

TEST_CASE("without exchanging names, a fault in any call leaves the earlier folder or the new one",
          "[unit]") {
  const Files before{{"text", "old"}, {"weights", "w"}};
  const Files after{{"text", "new"}, {"weights", "w"}};
  std::size_t put_back = 0;
  for (const Fault fault : {Fault::io_error, Fault::disk_full, Fault::power_loss}) {
    bool reached = true;
    for (std::size_t at = 0; reached; ++at) {
      CAPTURE(static_cast<int>(fault), at);
      const TempDir dir;
      const TempDir elsewhere;
      publish_text(elsewhere / "blob", "w");
      publish(dir / "model", elsewhere / "blob", "old", posix_file_system());
      WithoutExchange files(dir.path(), fault, at);
      try {
        publish(dir / "model", elsewhere / "blob", "new", files);
      } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::io);
      }
      reached = files.reached();
      if (fault == Fault::power_loss) files.lose_power(Unsynced::entries_kept);
      put_back += fs::exists(dir / "model") ? 0 : 1;
      { const AtomicFolder next(dir / "model"); }  // the next run, which publishes nothing
      const Files found = files_in(dir / "model");
      CHECK((found == after || found == before));
      CHECK(entries_in(dir.path()) == 1);
    }
  }
  CHECK(put_back > 0);
}

TEST_CASE("a folder of a lower layer is replaced, whichever call fails", "[unit]") {
  const Files before{{"text", "old"}, {"more/left", "over"}, {"weights", "w"}};
  const Files after{{"text", "new"}, {"weights", "w"}};
  std::size_t finished_later = 0;
  for (const Fault fault : {Fault::none, Fault::io_error, Fault::disk_full, Fault::power_loss}) {
    bool reached = true;
    for (std::size_t at = 0; reached; ++at) {
      CAPTURE(static_cast<int>(fault), at);
      const TempDir dir;
      const TempDir elsewhere;
      publish_text(elsewhere / "blob", "w");
      publish(dir / "model", elsewhere / "blob", "old", posix_file_system());
      publish_text(dir / "model/more/left", "over");
      LowerLayer files(dir.path(), fault, at);
      bool published = false;
      try {
        publish(dir / "model", elsewhere / "blob", "new", files);
        published = true;
      } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::io);
      }
      reached = fault != Fault::none && files.reached();
      if (fault == Fault::power_loss) files.lose_power(Unsynced::entries_kept);
      const Files now = files_in(dir / "model");
      CHECK((published ? now == after : fault != Fault::none));
      { const AtomicFolder next(dir / "model"); }  // the next run, which publishes nothing
      const Files found = files_in(dir / "model");
      CHECK((found == after || (!published && found == before)));
      finished_later += now != before && now != after ? 1 : 0;
      CHECK(entries_in(dir.path()) == 1);
    }
  }
  CHECK(finished_later > 0);
}

TEST_CASE("a folder of a lower layer of a real overlay file system is replaced", "[unit]") {
  const TempDir lower;
  publish_text(lower / "model/text", "old");
  publish_text(lower / "model/more/left", "over");
  const Overlay overlay(lower.path());
  if (!overlay.failure().empty()) ARMORM_SKIP("no overlay file system can be mounted: " + overlay.failure());
  for (const char* text : {"new", "newer"}) {
    AtomicFolder folder(overlay.merged() / "model");
    publish_text(folder.building() / "text", text);
    folder.publish();
    CHECK(files_in(overlay.merged() / "model") == Files{{"text", text}});
    CHECK(entries_in(overlay.merged()) == 1);
  }
  CHECK(read_text_file(lower / "model/text") == "old");
}

TEST_CASE("the replacement of a folder by a living process or another user is left to them", "[unit]") {
  const TempDir dir;
  publish_text(dir / "model/text", "old");
  const fs::path complete = dir / ".model.0123456789abcdef.new";
  publish_text(complete / "text", "theirs");
  const int held = posix_file_system().open(complete, O_RDONLY | O_DIRECTORY);
  REQUIRE(posix_file_system().lock(held) == 0);
  { const AtomicFolder next(dir / "model"); }
  CHECK(files_in(dir / "model") == Files{{"text", "old"}});
  posix_file_system().close(held);
  { const AtomicFolder next(dir / "model"); }
  CHECK(files_in(dir / "model") == Files{{"text", "theirs"}});
  if (!can_be_other_user()) return;
  publish_text(complete / "text", "planted");
  REQUIRE(chown(complete.c_str(), kOtherUser, kOtherUser) == 0);
  { const AtomicFolder next(dir / "model"); }
  CHECK(files_in(dir / "model") == Files{{"text", "theirs"}});
}
