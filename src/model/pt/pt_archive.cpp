#include "model/pt/pt_archive.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/hash.h"
#include "core/log.h"

namespace armorm::model::pt {
namespace {

constexpr std::uint32_t kLocalSignature = 0x04034b50;
constexpr std::uint32_t kEntrySignature = 0x02014b50;
constexpr std::uint32_t kEndSignature = 0x06054b50;
constexpr std::uint32_t kEnd64Signature = 0x06064b50;
constexpr std::uint32_t kLocator64Signature = 0x07064b50;
constexpr std::uint64_t kLocalBytes = 30;
constexpr std::uint64_t kEntryBytes = 46;
constexpr std::uint64_t kEndBytes = 22;
constexpr std::uint64_t kEnd64Bytes = 56;
constexpr std::uint64_t kLocator64Bytes = 20;
constexpr std::uint64_t kMaxCommentBytes = 0xffff;
constexpr std::uint32_t kIn64 = 0xffffffff;  // the value is in the ZIP64 field
constexpr std::uint16_t kZip64Field = 1;
constexpr std::uint16_t kEncrypted = 1;
constexpr std::uint32_t kNoChecksum = 0;
constexpr char kPickleStart = '\x80';  // PROTO

template <class T>
T load(std::string_view bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  return value;
}

}  // namespace

// One entry of the central directory.
struct PtArchive::Entry {
  std::string_view name;
  std::uint16_t flags = 0;
  std::uint16_t method = 0;
  std::uint32_t crc32 = 0;
  std::uint64_t compressed = 0;
  std::uint64_t size = 0;
  std::uint64_t local_header = 0;
  std::uint64_t end = 0;  // end of the entry itself
};

void PtArchive::fail(const std::string& what) const {
  fail_data("{}: is not a complete .pt file: {}; copy the file again, or save it again with torch.save",
            path_, what);
}

std::string_view PtArchive::bytes_at(std::uint64_t begin, std::uint64_t size, const char* what) const {
  if (begin > file_.size() || size > file_.size() - begin)
    fail(fmt::format("{} of {} bytes at {} reaches past the file's {} bytes", what, size, begin,
                     file_.size()));
  return file_.substr(begin, size);
}

template <class T>
T PtArchive::number_at(std::uint64_t begin) const {
  return load<T>(bytes_at(begin, sizeof(T), "a header"));
}

// The last record of the file; only a comment may follow it.
std::uint64_t PtArchive::find_end_record() const {
  for (std::uint64_t comment = 0; comment <= kMaxCommentBytes && comment + kEndBytes <= file_.size();
       ++comment) {
    const std::uint64_t at = file_.size() - comment - kEndBytes;
    if (number_at<std::uint32_t>(at) == kEndSignature && number_at<std::uint16_t>(at + 20) == comment)
      return at;
  }
  fail("the ZIP archive's end record is missing");
}

PtArchive::Directory PtArchive::find_directory() const {
  const std::uint64_t end = find_end_record();
  if (end >= kLocator64Bytes && number_at<std::uint32_t>(end - kLocator64Bytes) == kLocator64Signature) {
    const auto end64 = number_at<std::uint64_t>(end - kLocator64Bytes + 8);
    bytes_at(end64, kEnd64Bytes, "the ZIP64 end record");
    if (number_at<std::uint32_t>(end64) != kEnd64Signature) fail("the ZIP64 end record is missing");
    return {number_at<std::uint64_t>(end64 + 32), number_at<std::uint64_t>(end64 + 40),
            number_at<std::uint64_t>(end64 + 48)};
  }
  return {number_at<std::uint16_t>(end + 10), number_at<std::uint32_t>(end + 12),
          number_at<std::uint32_t>(end + 16)};
}

// The ZIP64 field holds, in this order, those of the three values that did not fit the entry.
void PtArchive::read_sizes_of_zip64(Entry& entry, std::string_view extra) const {
  while (extra.size() >= 4) {
    const auto kind = load<std::uint16_t>(extra);
    const auto size = load<std::uint16_t>(extra.substr(2));
    if (size > extra.size() - 4) break;
    std::string_view field = extra.substr(4, size);
    extra.remove_prefix(4 + std::size_t{size});
    if (kind != kZip64Field) continue;
    for (std::uint64_t* value : {&entry.size, &entry.compressed, &entry.local_header}) {
      if (*value != kIn64) continue;
      if (field.size() < sizeof(*value)) fail("a ZIP64 field is too short");
      *value = load<std::uint64_t>(field);
      field.remove_prefix(sizeof(*value));
    }
    return;
  }
}

PtArchive::Entry PtArchive::read_entry(std::uint64_t at) const {
  const std::string_view line = bytes_at(at, kEntryBytes, "a line of the directory");
  if (load<std::uint32_t>(line) != kEntrySignature) fail("a line of the directory is damaged");
  Entry entry;
  entry.flags = load<std::uint16_t>(line.substr(8));
  entry.method = load<std::uint16_t>(line.substr(10));
  entry.crc32 = load<std::uint32_t>(line.substr(16));
  entry.compressed = load<std::uint32_t>(line.substr(20));
  entry.size = load<std::uint32_t>(line.substr(24));
  entry.local_header = load<std::uint32_t>(line.substr(42));
  const std::uint64_t name = load<std::uint16_t>(line.substr(28));
  const std::uint64_t extra = load<std::uint16_t>(line.substr(30));
  const std::uint64_t comment = load<std::uint16_t>(line.substr(32));
  entry.name = bytes_at(at + kEntryBytes, name, "a name");
  read_sizes_of_zip64(entry, bytes_at(at + kEntryBytes + name, extra, "an extra field"));
  entry.end = at + kEntryBytes + name + extra + comment;
  return entry;
}

std::string_view PtArchive::data_of(const Entry& entry) const {
  if (entry.method != 0 || entry.size != entry.compressed || (entry.flags & kEncrypted) != 0)
    fail(fmt::format("the record '{}' is compressed or encrypted", entry.name));
  bytes_at(entry.local_header, kLocalBytes, "a record's header");
  if (number_at<std::uint32_t>(entry.local_header) != kLocalSignature)
    fail(fmt::format("the record '{}' does not begin where the directory says", entry.name));
  // Name and extra field may differ in length from the directory: PyTorch pads the data here.
  const std::uint64_t before = kLocalBytes + number_at<std::uint16_t>(entry.local_header + 26) +
                               number_at<std::uint16_t>(entry.local_header + 28);
  return bytes_at(entry.local_header + before, entry.size, "a record");
}

PtArchive::PtArchive(std::span<const std::byte> file, std::string path)
    : file_(reinterpret_cast<const char*>(file.data()), file.size()), path_(std::move(path)) {
  if (file_.starts_with(kPickleStart))
    fail_data(
        "{}: is in PyTorch's format before version 1.6, a bare pickle, which is not read; load it with "
        "torch.load "
        "and save it again with torch.save, or better as safetensors",
        path_);
  const Directory directory = find_directory();
  if (directory.entries > directory.size / kEntryBytes) fail("its directory is too short for its entries");
  bytes_at(directory.begin, directory.size, "the directory");
  std::uint64_t at = directory.begin;
  std::optional<std::string> folder;  // folder of the first record; all records must have it
  for (std::uint64_t i = 0; i < directory.entries; ++i) {
    const Entry entry = read_entry(at);
    at = entry.end;
    if (!folder) folder = std::string(entry.name.substr(0, entry.name.find('/'))) + "/";
    if (!entry.name.starts_with(*folder)) continue;
    const std::string_view name = entry.name.substr(folder->size());
    if (!records_.emplace(name, Record{data_of(entry), entry.crc32}).second)
      fail(fmt::format("the record '{}' is there twice", name));
  }
}

const PtArchive::Record& PtArchive::find(const std::string& name) const {
  const auto found = records_.find(name);
  if (found == records_.end()) fail(fmt::format("it lacks the record '{}'", name));
  return found->second;
}

std::string_view PtArchive::record(const std::string& name) const {
  const Record& record = find(name);
  if (crc32(record.bytes) == record.crc32) return record.bytes;
  if (record.crc32 != kNoChecksum) fail(fmt::format("the checksum of the record '{}' disagrees", name));
  log::warn("{}: the record '{}' was saved without a checksum; damage to it is not noticed", path_, name);
  return record.bytes;
}

std::string_view PtArchive::unchecked_record(const std::string& name) const { return find(name).bytes; }

void PtArchive::check_byte_order() const {
  if (contains("byteorder") && record("byteorder") != "little")
    fail_data("{}: was saved on a big-endian machine; save it again on a little-endian one", path_);
}

}  // namespace armorm::model::pt
