// All shards of one embedding artefact, opened and checked together.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "armorm/verify.h"
#include "core/error.h"
#include "core/matrix_view.h"
#include "io/content_digests.h"
#include "io/file_watch.h"
#include "io/safetensors.h"
#include "stages/artifacts/artifact_inputs.h"
#include "stages/artifacts/provenance.h"

namespace armorm::stages::artifacts {

class EmbeddingSet {
 public:
  // `<folder>/<stem>.safetensors`, or the complete set `<stem>-00001-of-0000n.safetensors`. io error when
  // there is none or a shard is missing (with the missing shards, and the flags of `command`, the program
  // that makes the files, that make them). data error when several sets exist, when the metadata of the
  // shards disagree, or when they are not of `kind`. Files without our metadata (written by the Python
  // scripts) are accepted with a warning. With Verify::on, data error when a header differs from its digest.
  static EmbeddingSet open(const std::filesystem::path& folder, const std::string& stem,
                           const std::string& kind, const std::string& command, Verify verify = Verify::on);

  // data error where the metadata say that the files were made for another model, or under another name: of
  // another data set, source or split.
  void check_made_for(const std::string& model, const std::string& stem) const;

  // The tensors that a pass reads, by the position of their file and by name; empty: all.
  using Reads = std::function<bool(std::size_t file, const std::string& tensor)>;

  // Returns what `body`, a pass over the set, returns. With Verify::on, another thread compares what it reads
  // with the digests, in files that have them: data error that names file and tensor, also where `body` fails
  // because of the damage.
  template <class Body>
  auto while_verified(const Body& body, const Reads& reads = {}) const {
    const std::unique_ptr<io::ContentCheck> check = begin_check(reads);
    try {
      auto result = body();
      finish(check.get());
      return result;
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::data) finish(check.get());
      throw;
    }
  }

  std::int64_t rows() const noexcept { return rows_; }
  std::int64_t hidden_size() const noexcept { return hidden_size_; }
  const std::vector<io::SafetensorsFile>& files() const noexcept { return files_; }
  // Provenance of the first shard, completed with facts of the others; absent for files of the Python
  // scripts.
  const std::optional<Provenance>& provenance() const noexcept { return provenance_; }
  // Where the rows come from, the shards' names merged: the sets of a mixture, or the values of a column.
  // Empty for a set that does not record it. data error where only some rows have a source, or an id has no
  // name.
  struct Sources {
    std::vector<std::string> names;
    std::vector<std::int64_t> of_row;  // [rows], indices into names
  };
  Sources sources() const;
  // As inputs of an artefact made from the set: Provenance::inputs() and the precision, or the digest of
  // files without provenance.
  ArtifactInputs inputs() const;
  const std::string& command() const noexcept { return command_; }
  void check_unchanged() const;     // data error when a file was changed, replaced or moved since open()
  std::string description() const;  // for messages: the path, or the first path and the number of shards

 private:
  void check_shard(const std::string& kind, std::int64_t n_shards);
  std::unique_ptr<io::ContentCheck> begin_check(const Reads& reads) const;
  void finish(io::ContentCheck* check) const;
  template <class Body>
  void with_remedy(const Body& body) const;

  Verify verify_ = Verify::on;
  std::string command_;
  std::vector<io::SafetensorsFile> files_;
  io::FileWatch watch_;
  std::optional<Provenance> provenance_;
  std::int64_t rows_ = 0;
  std::int64_t hidden_size_ = 0;
};

// The tensor of one shard with this name, dtype and shape; -1 in `shape` matches any size.
template <class T>
MatrixView<const T> matrix_of(const io::SafetensorsFile& file, const std::string& name,
                              const std::vector<std::int64_t>& shape) {
  const io::TensorView tensor = file.at(name, DTypeOf<T>::value, shape);
  std::int64_t cols = 1;
  for (std::size_t d = 1; d < tensor.shape.size(); ++d) cols *= tensor.shape[d];
  return {tensor.as<T>().data(), tensor.shape[0], cols};
}

}  // namespace armorm::stages::artifacts
