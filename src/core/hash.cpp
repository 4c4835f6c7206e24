#include "core/hash.h"

#include <fmt/core.h>
#include <openssl/evp.h>
#include <zlib.h>

#include <array>
#include <fstream>
#include <vector>

#include "core/error.h"
#include "core/file_kind.h"
#include "core/stop_point.h"

namespace armorm {

struct Digest::Impl {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~Impl() { EVP_MD_CTX_free(context); }
};

Digest::Digest(Algorithm algorithm) : impl_(std::make_unique<Impl>()) {
  const EVP_MD* how = algorithm == Algorithm::sha1 ? EVP_sha1() : EVP_sha256();
  if (impl_->context == nullptr || EVP_DigestInit_ex(impl_->context, how, nullptr) != 1)
    fail_internal("a digest could not be initialised by OpenSSL");
}
Digest::~Digest() = default;
Digest::Digest(Digest&&) noexcept = default;
Digest& Digest::operator=(Digest&&) noexcept = default;

void Digest::update(std::span<const std::byte> bytes) {
  if (EVP_DigestUpdate(impl_->context, bytes.data(), bytes.size()) != 1)
    fail_internal("a digest could not be updated by OpenSSL");
}
void Digest::update(std::string_view text) { update(std::as_bytes(std::span(text.data(), text.size()))); }

void Digest::update_with_file(const std::filesystem::path& path,
                              const std::function<void(std::size_t)>& read) {
  check_regular_file(path);
  std::ifstream in(path, std::ios::binary);
  if (!in) fail_io("{}: cannot be read; check that it exists and its permissions", path.string());
  std::vector<char> buffer(1 << 20);
  while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || in.gcount() > 0) {
    const auto size = static_cast<std::size_t>(in.gcount());
    update(std::string_view(buffer.data(), size));
    stop_point();
    if (read) read(size);
  }
  if (in.bad()) fail_io("{}: read failed half-way; check the disk", path.string());
}

std::string Digest::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_DigestFinal_ex(impl_->context, digest.data(), &size) != 1)
    fail_internal("a digest could not be finished by OpenSSL");
  std::string out;
  for (unsigned i = 0; i < size; ++i) out += fmt::format("{:02x}", digest[i]);
  return out;
}

std::string sha256_hex(std::string_view text) {
  Sha256 hash;
  hash.update(text);
  return hash.hex();
}

std::string sha256_file_hex(const std::filesystem::path& path) {
  Sha256 hash;
  hash.update_with_file(path);
  return hash.hex();
}

std::uint32_t crc32(std::string_view text) noexcept {
  return static_cast<std::uint32_t>(::crc32_z(0, reinterpret_cast<const Bytef*>(text.data()), text.size()));
}

}  // namespace armorm
