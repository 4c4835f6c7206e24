#include "linear/dense/band_reduction.h"

#include <algorithm>
#include <cmath>

#include "core/stop_point.h"
#include "linear/dense/tile_kernel.h"

namespace armorm::linear::dense {
namespace {

constexpr std::int64_t kWidth = kBand + 1;
constexpr std::int64_t kPanels = kBand / kPanel;  // panels of one reflector
constexpr std::int64_t kUpdateDepth = 2 * kBand;
constexpr std::int64_t kUpdatePanel = kUpdateDepth * kPanel;

using Small = std::array<double, kBand * kBand>;

// First row of the tile that holds `row`.
std::int64_t tile_begin(std::int64_t row) { return row / kTileRows * kTileRows; }

// Number of doubles in all reflectors.
std::size_t vectors_size(std::int64_t n) {
  std::int64_t size = 0;
  for (std::int64_t first = kBand; first < n; first += kBand) size += kBand * (n - first);
  return static_cast<std::size_t>(size);
}

// out[j, i] = Σ_k left(i, k) right[j, k]; the rows of `right` have length `stride`.
Small small_dots(std::int64_t n, const LeftFactor& left, const double* right, std::int64_t stride) {
  Small out{};
  for (std::int64_t j = 0; j < kBand; j += kPanel) {
    for (std::int64_t i = 0; i < kBand; i += kDotRows) {
      const LeftFactor part{left.data + i / kPanel * left.panel, left.step, left.panel};
      tile_kernels().dots(n, part, right + j * stride, stride, out.data() + j * kBand + i, kBand);
    }
  }
  return out;
}

// Householder vector of x [n]: x becomes (1, v), the return value is tau, and beta is the leading element of
// (I - tau v v') x.
double make_reflector(double* x, std::int64_t n, double& beta) {
  beta = n > 0 ? x[0] : 0.0;
  if (n < 1) return 0.0;
  const double rest = std::sqrt(tile_kernels().dot(n - 1, x + 1, x + 1));
  const double front = x[0];
  x[0] = 1.0;
  if (rest == 0.0) return 0.0;
  beta = -std::copysign(std::hypot(front, rest), front);
  const double scale = 1.0 / (front - beta);
  for (std::int64_t i = 1; i < n; ++i) x[i] *= scale;
  return (beta - front) / beta;
}

}  // namespace

BandReduction::BandReduction(std::span<const double> g, std::int64_t n)
    : band(static_cast<std::size_t>(n * kWidth)),
      vectors(vectors_size(n)),
      n_(n),
      padded_(TileMatrix::row_tiles_for(n) * kTileRows),
      free_vectors_(vectors.data()),
      s_(n),
      v_rows_(static_cast<std::size_t>(kBand * padded_)),
      products_(static_cast<std::size_t>(2 * kBand * padded_)),
      transposed_(static_cast<std::size_t>(kBand * padded_)),
      w_(static_cast<std::size_t>(kBand * padded_)),
      left_(static_cast<std::size_t>(2 * kBand * padded_)),
      right_(static_cast<std::size_t>(2 * kBand * padded_)) {
  load(g);
  std::int64_t first = 0;
  for (; first + kBand < n; first += kBand) {
    stop_point();
    reduce_panel(first);
  }
  update_columns(first);
  keep_diagonal_block(first);
}

void BandReduction::load(std::span<const double> g) {
  for (std::int64_t i = 0; i < n_; ++i) {
    double* tiles = s_.tile(i / kTileRows, 0);
    const double* row = g.data() + i * n_;
    for (std::int64_t j = 0; j <= i; ++j) tiles[j * kTileRows + i % kTileRows] = row[j];
    for (std::int64_t j = tile_begin(i); j < i; ++j) tiles[i * kTileRows + j % kTileRows] = row[j];
  }
}

void BandReduction::keep_diagonal_block(std::int64_t first) {
  const std::int64_t end = std::min(first + kBand, n_);
  for (std::int64_t j = first; j < end; ++j) {
    for (std::int64_t i = j; i < end; ++i) band[j * kWidth + i - j] = s_.at(i, j);
  }
}

void BandReduction::reduce_panel(std::int64_t first) {
  update_columns(first);
  keep_diagonal_block(first);
  double* panel = take_panel(first);
  const Taus taus = factor_panel(first, panel);
  BlockReflector reflector{.first = first + kBand, .v = panel, .t = {}};
  lay_out(reflector);
  reflector.t = triangle(taus, reflector.first);
  sweep(reflector.first);
  make_update(reflector);
  reflectors.push_back(std::move(reflector));
}

// Copies the columns of the panel below its diagonal block to their place in the vectors.
double* BandReduction::take_panel(std::int64_t first) {
  const std::int64_t begin = first + kBand;
  const std::int64_t rows = n_ - begin;
  double* panel = free_vectors_;
  free_vectors_ += kBand * rows;
  for (std::int64_t tile = begin / kTileRows; tile < s_.row_tiles(); ++tile) {
    const std::int64_t from = std::max(tile * kTileRows, begin);
    const std::int64_t to = std::min((tile + 1) * kTileRows, n_);
    for (std::int64_t c = 0; c < kBand; ++c) {
      const double* column = s_.tile(tile, 0) + (first + c) * kTileRows;
      std::copy(column + from - tile * kTileRows, column + to - tile * kTileRows,
                panel + c * rows + from - begin);
    }
  }
  return panel;
}

// QR of the panel: the panel becomes V with explicit zeros and ones, R goes to the band.
BandReduction::Taus BandReduction::factor_panel(std::int64_t first, double* panel) {
  const std::int64_t rows = n_ - first - kBand;
  Taus taus{};
  for (std::int64_t c = 0; c < kBand; ++c) {
    double* column = panel + c * rows;
    const std::int64_t done = std::min(c, rows);
    double* r = band.data() + (first + c) * kWidth + kBand - c;
    std::copy_n(column, done, r);
    std::fill_n(column, done, 0.0);
    double* v = column + done;
    double beta = 0.0;
    taus[c] = make_reflector(v, rows - done, beta);
    if (c < rows) r[c] = beta;
    for (std::int64_t next = c + 1; taus[c] != 0.0 && next < kBand; ++next) {
      double* other = panel + next * rows + done;
      const double product = tile_kernels().dot(rows - done, v, other);
      tile_kernels().add_multiple(rows - done, -taus[c] * product, v, other);
    }
  }
  return taus;
}

// Writes V in the two layouts that the products read, zero from the start of its first tile.
void BandReduction::lay_out(const BlockReflector& reflector) {
  const std::int64_t rows = n_ - reflector.first;
  const std::int64_t begin = tile_begin(reflector.first);
  for (std::int64_t k = 0; k < kBand; ++k) {
    double* out = products_.data() + (kBand + k) * padded_;
    std::fill(out + begin, out + reflector.first, 0.0);
    std::copy_n(reflector.v + k * rows, rows, out + reflector.first);
  }
  for (std::int64_t p = 0; p < kPanels; ++p) {
    double* out = v_rows_.data() + p * kPanel * padded_;
    for (std::int64_t i = begin; i < padded_; ++i) {
      for (std::int64_t k = 0; k < kPanel; ++k) out[i * kPanel + k] = v(p * kPanel + k)[i];
    }
  }
}

BandReduction::Small BandReduction::dots_with_v(const double* right, std::int64_t begin) const {
  const LeftFactor left{v_rows_.data() + begin * kPanel, kPanel, kPanel * padded_};
  return small_dots(padded_ - begin, left, right + begin, padded_);
}

// T of I - V T V' = (I - tau_0 v_0 v_0') (I - tau_1 v_1 v_1') ...
std::vector<double> BandReduction::triangle(const Taus& taus, std::int64_t first) const {
  const Small products = dots_with_v(v(0), tile_begin(first));
  std::vector<double> t(kBand * kBand);
  for (std::int64_t c = 0; c < kBand; ++c) {
    for (std::int64_t i = 0; i < c; ++i) {
      double sum = 0.0;
      for (std::int64_t j = i; j < c; ++j) sum += t[i * kBand + j] * products[c * kBand + j];
      t[i * kBand + c] = -taus[c] * sum;
    }
    t[c * kBand + c] = taus[c];
  }
  return t;
}

// S - V W' - W V' for some panels of a row of tiles.
void BandReduction::update(std::int64_t tile, std::int64_t first_panel, std::int64_t end_panel) {
  const LeftFactor left{left_.data() + tile * kTilePanels * kUpdatePanel, kPanel, kUpdatePanel};
  for (std::int64_t panel = first_panel; panel < end_panel; ++panel) {
    tile_kernels().multiply(kUpdateDepth, left, right_.data() + panel * kUpdatePanel, s_.tile(tile, panel),
                            kTileRows);
  }
}

void BandReduction::update_columns(std::int64_t first) {
  if (!updating_) return;
  const std::int64_t panel = first / kPanel;
  for (std::int64_t tile = first / kTileRows; tile < s_.row_tiles(); ++tile) {
    update(tile, panel, std::min(panel + kPanels, kTilePanels * (tile + 1)));
  }
}

// Updates S from `first` on and multiplies it with V.
void BandReduction::sweep(std::int64_t first) {
  const std::int64_t begin = tile_begin(first);
  for (std::int64_t k = 0; k < kBand; ++k)
    std::fill_n(products_.data() + k * padded_ + begin, padded_ - begin, 0.0);
  std::fill_n(transposed_.data() + begin * kBand, (padded_ - begin) * kBand, 0.0);
  for (std::int64_t tile = first / kTileRows; tile < s_.row_tiles(); ++tile) {
    if (updating_) update(tile, first / kPanel, kTilePanels * (tile + 1));
    multiply(tile, first / kPanel);
  }
  for (std::int64_t k = 0; k < kBand; ++k) {
    double* out = products_.data() + k * padded_;
    std::fill(out + begin, out + first, 0.0);  // rows that S does not have
    for (std::int64_t i = first; i < padded_; ++i) out[i] += transposed_[i * kBand + k];
  }
}

// Adds the tiles of the row times V, and for tiles below the diagonal also their transposes times V.
void BandReduction::multiply(std::int64_t tile, std::int64_t first_panel) {
  const std::int64_t diagonal = kTilePanels * tile;
  const std::int64_t depth = (diagonal + kTilePanels - first_panel) * kPanel;
  const LeftFactor tiles{s_.tile(tile, first_panel), kTileRows, kPanel};
  for (std::int64_t p = 0; p < kPanels; ++p) {
    tile_kernels().multiply(depth, tiles, v_rows_.data() + (p * padded_ + first_panel * kPanel) * kPanel,
                            products_.data() + p * kPanel * padded_ + tile * kTileRows, padded_);
  }
  for (std::int64_t panel = first_panel; panel < diagonal; ++panel) {
    for (std::int64_t k = 0; k < kBand; k += kDotRows) {
      const LeftFactor rows{v_rows_.data() + k * padded_ + tile * kTileRows * kPanel, kPanel,
                            kPanel * padded_};
      tile_kernels().dots(kTileRows, rows, s_.tile(tile, panel), kTileRows,
                          transposed_.data() + panel * kPanel * kBand + k, kBand);
    }
  }
}

// W = Z T + V M with Z = S V and M = -T' (V' Z) T / 2.
void BandReduction::make_update(const BlockReflector& reflector) {
  const std::int64_t begin = tile_begin(reflector.first);
  const std::vector<double>& t = reflector.t;
  Small t_columns;
  for (std::int64_t i = 0; i < kBand; ++i) {
    for (std::int64_t j = 0; j < kBand; ++j) t_columns[j * kBand + i] = t[i * kBand + j];
  }
  const Small vz = dots_with_v(products_.data(), begin);  // column by column
  const Small vzt = small_dots(kBand, {vz.data(), kBand, kPanel}, t_columns.data(), kBand);  // likewise
  const Small m = small_dots(kBand, {t.data(), kBand, kPanel}, vzt.data(), kBand);
  std::array<double, kBand * kUpdateDepth> factors{};  // [kBand / 8, 2 kBand, 8]
  for (std::int64_t j = 0; j < kBand; ++j) {
    double* out = factors.data() + j / kPanel * kUpdatePanel + j % kPanel;
    for (std::int64_t k = 0; k < kBand; ++k) {
      out[k * kPanel] = t[k * kBand + j];
      out[(kBand + k) * kPanel] = -0.5 * m[j * kBand + k];
    }
  }
  for (std::int64_t k = 0; k < kBand; ++k) std::fill_n(w_.data() + k * padded_ + begin, padded_ - begin, 0.0);
  for (std::int64_t i = begin; i < padded_; i += kTileRows) {
    for (std::int64_t p = 0; p < kPanels; ++p) {
      tile_kernels().multiply(kUpdateDepth, {products_.data() + i, padded_, kPanel},
                              factors.data() + p * kUpdatePanel, w_.data() + p * kPanel * padded_ + i,
                              padded_);
    }
  }
  lay_out_update(begin);
}

void BandReduction::lay_out_update(std::int64_t begin) {
  for (std::int64_t i = begin; i < padded_; i += kPanel) {
    double* left = left_.data() + i * kUpdateDepth;
    double* right = right_.data() + i * kUpdateDepth;
    for (std::int64_t k = 0; k < kBand; ++k) {
      for (std::int64_t j = 0; j < kPanel; ++j) {
        const double of_v = v(k)[i + j];
        const double of_w = w_[k * padded_ + i + j];
        left[k * kPanel + j] = of_v;
        left[(kBand + k) * kPanel + j] = of_w;
        right[k * kPanel + j] = -of_w;
        right[(kBand + k) * kPanel + j] = -of_v;
      }
    }
  }
  updating_ = true;
}

}  // namespace armorm::linear::dense
