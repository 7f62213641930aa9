// What Winograd's algorithms do to single tiles: the matrices of Lavin and Gray (2015, arXiv:1509.09308).
//
// y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A: m×m outputs of an r×r filter g from (m+r−1)×(m+r−1) inputs d, which F(4×4, 3×3) does
// with 36 multiplications instead of 144, F(2×2, 3×3) with 16 instead of 36, F(2×2, 5×5) with 36 instead of 100. Each
// of the inner structs multiplies a column by one of the matrices; all work on as many channels at once as a vector
// holds.
#pragma once

#include "base/dims.hpp"
#include "simd.hpp"

namespace cnn::cpu::winograd {

#if defined(__AVX512F__)
inline constexpr int lanes = 16;
#else
inline constexpr int lanes = 8;
#endif
using Vector = Floats<lanes>;

/// F(outputs×outputs, filter×filter).
struct Form {
  int outputs = 4, filter = 3;
  int components() const { return (outputs + filter - 1) * (outputs + filter - 1); }
  friend bool operator==(const Form&, const Form&) = default;
};

template <int outputs_, int filter_>
struct TileSizes {
  static constexpr int outputs = outputs_, filter = filter_, inputs = outputs + filter - 1,
                       components = inputs * inputs;
};

template <int outputs, int filter>
struct Tile;

/// Bᵀ for the points 0, ±1, ±2 and ∞.
struct SixInputs {
  static constexpr int from = 6, to = 6;
  static void apply(const Vector* d, Vector* v) {
    Vector a = d[4] - 4.0f * d[2], b = d[3] - 4.0f * d[1], c = d[4] - d[2], e = 2.0f * (d[3] - d[1]);
    v[0] = 4.0f * d[0] - 5.0f * d[2] + d[4];
    v[1] = a + b;
    v[2] = a - b;
    v[3] = c + e;
    v[4] = c - e;
    v[5] = 4.0f * d[1] - 5.0f * d[3] + d[5];
  }
};

template <>
struct Tile<4, 3> : TileSizes<4, 3> {
  using Input = SixInputs;

  struct Output {  // Aᵀ
    static constexpr int from = inputs, to = outputs;
    static void apply(const Vector* m, Vector* y) {
      Vector a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], d = m[3] - m[4];
      y[0] = m[0] + a + c;
      y[1] = b + 2.0f * d;
      y[2] = a + 4.0f * c;
      y[3] = b + 8.0f * d + m[5];
    }
  };

  struct OutputGradient {  // A
    static constexpr int from = outputs, to = inputs;
    static void apply(const Vector* y, Vector* m) {
      Vector a = y[0] + y[2], b = y[1] + y[3], c = y[0] + 4.0f * y[2], d = 2.0f * y[1] + 8.0f * y[3];
      m[0] = y[0];
      m[1] = a + b;
      m[2] = a - b;
      m[3] = c + d;
      m[4] = c - d;
      m[5] = y[3];
    }
  };

  struct Filter {  // G
    static constexpr int from = filter, to = inputs;
    static void apply(const Vector* g, Vector* u) {
      Vector a = (g[0] + g[2]) * (-1.0f / 6), b = g[1] * (-1.0f / 6), c = g[0] * (1.0f / 24) + g[2] * (1.0f / 6),
             d = g[1] * (1.0f / 12);
      u[0] = g[0] * 0.25f;
      u[1] = a + b;
      u[2] = a - b;
      u[3] = c + d;
      u[4] = c - d;
      u[5] = g[2];
    }
  };

  struct FilterGradient {  // Gᵀ
    static constexpr int from = inputs, to = filter;
    static void apply(const Vector* u, Vector* g) {
      Vector a = (u[1] + u[2]) * (-1.0f / 6), c = u[3] + u[4];
      g[0] = u[0] * 0.25f + a + c * (1.0f / 24);
      g[1] = (u[2] - u[1]) * (1.0f / 6) + (u[3] - u[4]) * (1.0f / 12);
      g[2] = a + c * (1.0f / 6) + u[5];
    }
  };
};

template <>
struct Tile<2, 5> : TileSizes<2, 5> {
  using Input = SixInputs;

  struct Output {  // Aᵀ
    static constexpr int from = inputs, to = outputs;
    static void apply(const Vector* m, Vector* y) {
      y[0] = m[0] + (m[1] + m[2]) + (m[3] + m[4]);
      y[1] = (m[1] - m[2]) + 2.0f * (m[3] - m[4]) + m[5];
    }
  };

  struct OutputGradient {  // A
    static constexpr int from = outputs, to = inputs;
    static void apply(const Vector* y, Vector* m) {
      Vector twice = 2.0f * y[1];
      m[0] = y[0];
      m[1] = y[0] + y[1];
      m[2] = y[0] - y[1];
      m[3] = y[0] + twice;
      m[4] = y[0] - twice;
      m[5] = y[1];
    }
  };

  struct Filter {  // G
    static constexpr int from = filter, to = inputs;
    static void apply(const Vector* g, Vector* u) {
      Vector a = (g[0] + g[2] + g[4]) * (-1.0f / 6), b = (g[1] + g[3]) * (-1.0f / 6);
      Vector c = (g[0] + 4.0f * g[2] + 16.0f * g[4]) * (1.0f / 24), d = (g[1] + 4.0f * g[3]) * (1.0f / 12);
      u[0] = g[0] * 0.25f;
      u[1] = a + b;
      u[2] = a - b;
      u[3] = c + d;
      u[4] = c - d;
      u[5] = g[4];
    }
  };

  struct FilterGradient {  // Gᵀ
    static constexpr int from = inputs, to = filter;
    static void apply(const Vector* u, Vector* g) {
      Vector a = (u[1] + u[2]) * (-1.0f / 6), b = (u[2] - u[1]) * (1.0f / 6), c = (u[3] + u[4]) * (1.0f / 24),
             d = (u[3] - u[4]) * (1.0f / 12);
      g[0] = u[0] * 0.25f + a + c;
      g[1] = b + d;
      g[2] = a + 4.0f * c;
      g[3] = b + 4.0f * d;
      g[4] = a + 16.0f * c + u[5];
    }
  };
};

template <>
struct Tile<2, 3> : TileSizes<2, 3> {  // the points 0, ±1 and ∞
  struct Input {                       // Bᵀ
    static constexpr int from = inputs, to = inputs;
    static void apply(const Vector* d, Vector* v) {
      v[0] = d[0] - d[2];
      v[1] = d[1] + d[2];
      v[2] = d[2] - d[1];
      v[3] = d[1] - d[3];
    }
  };

  struct Output {  // Aᵀ
    static constexpr int from = inputs, to = outputs;
    static void apply(const Vector* m, Vector* y) {
      y[0] = m[0] + m[1] + m[2];
      y[1] = m[1] - m[2] - m[3];
    }
  };

  struct Filter {  // G
    static constexpr int from = filter, to = inputs;
    static void apply(const Vector* g, Vector* u) {
      Vector a = (g[0] + g[2]) * 0.5f, b = g[1] * 0.5f;
      u[0] = g[0];
      u[1] = a + b;
      u[2] = a - b;
      u[3] = g[2];
    }
  };
};

/// T d Tᵀ: element (i, j) of d is get(i, j), of the result put(i, j, value).
template <class T, class Get, class Put>
inline void transform(Get&& get, Put&& put) {
  Vector half[T::to][T::from];
#pragma GCC unroll 6
  for (int j = 0; j < T::from; j++) {
    Vector column[T::from], product[T::to];
#pragma GCC unroll 6
    for (int i = 0; i < T::from; i++) column[i] = get(i, j);
    T::apply(column, product);
#pragma GCC unroll 6
    for (int i = 0; i < T::to; i++) half[i][j] = product[i];
  }
#pragma GCC unroll 6
  for (int i = 0; i < T::to; i++) {
    Vector product[T::to];
    T::apply(half[i], product);
#pragma GCC unroll 6
    for (int j = 0; j < T::to; j++) put(i, j, product[j]);
  }
}

/// Calls f with the tiles of that form.
template <class F>
void withTile(Form form, F&& f) {
  if (form.filter == 5) {
    f(Tile<2, 5>());
  } else if (form.outputs == 2) {
    f(Tile<2, 3>());
  } else {
    f(Tile<4, 3>());
  }
}

/// The outputs of an image [height, width] in tiles of `outputs`×`outputs`, those of all samples numbered in one row.
struct Grid {
  Index samples, height, width, outputs;
  Index down() const { return (height + outputs - 1) / outputs; }
  Index across() const { return (width + outputs - 1) / outputs; }
  Index count() const { return samples * down() * across(); }
  /// A tile's sample, and its first row and column.
  struct Place {
    Index sample, row, column;
  };
  Place at(Index id) const {
    return {id / (down() * across()), id / across() % down() * outputs, id % across() * outputs};
  }
};

}  // namespace cnn::cpu::winograd
