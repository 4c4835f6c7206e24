// The records of a .pt file: a ZIP archive (PKWARE's APPNOTE.TXT, with ZIP64) with uncompressed members in
// one folder, as torch.save writes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace armorm::model::pt {

class PtArchive {
 public:
  // `file` must outlive the object. data error that names `path` when the file is not such an archive, or
  // when a member exceeds it. PyTorch's format before 1.6, a bare pickle, is refused by name.
  PtArchive(std::span<const std::byte> file, std::string path);

  // `name` excludes the archive's folder: "data.pkl". data error when the record is absent or has another
  // checksum. A checksum of 0 is none, as after torch.serialization.set_crc32_options(False): a warning.
  std::string_view record(const std::string& name) const;
  // Without the check of the checksum.
  std::string_view unchecked_record(const std::string& name) const;
  // data error when the archive says that its numbers are big-endian
  void check_byte_order() const;
  bool contains(const std::string& name) const { return records_.contains(name); }

 private:
  struct Record {
    std::string_view bytes;
    std::uint32_t crc32 = 0;
  };
  struct Directory {
    std::uint64_t entries = 0;
    std::uint64_t size = 0;
    std::uint64_t begin = 0;
  };
  struct Entry;
  [[noreturn]] void fail(const std::string& what) const;
  const Record& find(const std::string& name) const;
  std::string_view bytes_at(std::uint64_t begin, std::uint64_t size, const char* what) const;
  template <class T>
  T number_at(std::uint64_t begin) const;
  std::uint64_t find_end_record() const;
  Directory find_directory() const;
  Entry read_entry(std::uint64_t at) const;
  void read_sizes_of_zip64(Entry& entry, std::string_view extra) const;
  std::string_view data_of(const Entry& entry) const;

  std::string_view file_;
  std::string path_;
  std::map<std::string, Record, std::less<>> records_;
};

}  // namespace armorm::model::pt
