// Convolutions: patches of x as columns, then products of matrices, in double.
#include <algorithm>

#include "compute.hpp"

namespace cudasim::cudnn {

namespace {

using Index = std::int64_t;

// Sizes with three spatial dimensions, the missing ones of size 1 in front.
struct Shape {
  Index n, groups, c, o;  // c, o: channels of a group
  Index x[3], k[3], y[3], stride[3], pre[3], dilation[3];
  Index xSize() const { return x[0] * x[1] * x[2]; }
  Index kSize() const { return k[0] * k[1] * k[2]; }
  Index ySize() const { return y[0] * y[1] * y[2]; }
};

Shape shapeOf(const Descriptor& conv, const std::vector<Index>& x, const std::vector<Index>& w,
              const std::vector<Index>& y) {
  Shape s{};
  s.n = x[0];
  s.groups = x[1] / w[1];
  s.c = w[1];
  s.o = w[0] / s.groups;
  auto spread = [](Index* to, const std::vector<Index>& from, std::size_t skip, Index missing) {
    std::size_t count = from.size() - skip;
    for (std::size_t i = 0; i < 3; i++) to[i] = i < 3 - count ? missing : from[skip + i - (3 - count)];
  };
  spread(s.x, x, 2, 1);
  spread(s.k, w, 2, 1);
  spread(s.y, y, 2, 1);
  spread(s.stride, conv.integers(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES), 0, 1);
  spread(s.pre, conv.integers(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS), 0, 0);
  spread(s.dilation, conv.integers(CUDNN_ATTR_CONVOLUTION_DILATIONS), 0, 1);
  return s;
}

// visit(row of the column matrix [c·k, y], first element of x, position in y, how many steps of one row of y lie inside
// x)
template <class Visit>
void eachRun(const Shape& s, Visit visit) {
  Index row = 0;
  for (Index c = 0; c < s.c; c++) {
    for (Index kz = 0; kz < s.k[0]; kz++) {
      for (Index ky = 0; ky < s.k[1]; ky++) {
        for (Index kx = 0; kx < s.k[2]; kx++, row++) {
          for (Index z = 0; z < s.y[0]; z++) {
            Index xz = z * s.stride[0] - s.pre[0] + kz * s.dilation[0];
            if (xz < 0 || xz >= s.x[0]) continue;
            for (Index h = 0; h < s.y[1]; h++) {
              Index xh = h * s.stride[1] - s.pre[1] + ky * s.dilation[1];
              if (xh < 0 || xh >= s.x[1]) continue;
              Index shift = kx * s.dilation[2] - s.pre[2];  // of x against y·stride
              Index first = shift >= 0 ? 0 : (-shift + s.stride[2] - 1) / s.stride[2];
              Index last = std::min(s.y[2] - 1, shift > s.x[2] - 1 ? -1 : (s.x[2] - 1 - shift) / s.stride[2]);
              if (first > last) continue;
              visit(row, ((c * s.x[0] + xz) * s.x[1] + xh) * s.x[2] + first * s.stride[2] + shift,
                    (z * s.y[1] + h) * s.y[2] + first, last - first + 1);
            }
          }
        }
      }
    }
  }
}

// columns [c·k, y] of one picture and group
void columnsOf(const Shape& s, const double* x, std::vector<double>& columns) {
  std::fill(columns.begin(), columns.end(), 0.0);
  eachRun(s, [&](Index row, Index from, Index to, Index count) {
    double* out = columns.data() + row * s.ySize() + to;
    for (Index i = 0; i < count; i++) out[i] = x[from + i * s.stride[2]];
  });
}

void addColumns(const Shape& s, const std::vector<double>& columns, double* x) {
  eachRun(s, [&](Index row, Index to, Index from, Index count) {
    const double* in = columns.data() + row * s.ySize() + from;
    for (Index i = 0; i < count; i++) x[to + i * s.stride[2]] += in[i];
  });
}

// c[m, n] += Σ a(m, k)·b[k, n]
template <class A>
void multiply(Index m, Index n, Index k, A a, const double* b, double* c) {
  constexpr Index tile = 512;
  for (Index first = 0; first < n; first += tile) {
    Index width = std::min(tile, n - first);
    for (Index i = 0; i < m; i++) {
      double* __restrict__ row = c + i * n + first;
      for (Index l = 0; l < k; l++) {
        double factor = a(i, l);
        const double* __restrict__ from = b + l * n + first;
        for (Index j = 0; j < width; j++) row[j] += factor * from[j];
      }
    }
  }
}

double dot(const double* a, const double* b, Index n) {
  double sums[16] = {};
  Index i = 0;
  for (; i + 16 <= n; i += 16) {
    for (Index k = 0; k < 16; k++) sums[k] += a[i + k] * b[i + k];
  }
  double sum = 0;
  for (double each : sums) sum += each;
  for (; i < n; i++) sum += a[i] * b[i];
  return sum;
}

struct Names {
  cudnnBackendAttributeName_t x, w, y, conv, alpha, beta;
};

Names namesOf(cudnnBackendDescriptorType_t type) {
  if (type == CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR) {
    return {CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA};
  }
  if (type == CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR) {
    return {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA};
  }
  return {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA};
}

}  // namespace

void runConvolution(const Operation& operation, Arrays& arrays) {
  auto type = operation.descriptor->type();
  Names names = namesOf(type);
  const Descriptor& conv = *operation.descriptor->part(names.conv);
  const Tensor &xTensor = *operation.tensor(names.x), &wTensor = *operation.tensor(names.w),
               &yTensor = *operation.tensor(names.y);
  Shape s = shapeOf(conv, xTensor.dims, wTensor.dims, yTensor.dims);
  if (conv.get<cudnnConvolutionMode_t>(CUDNN_ATTR_CONVOLUTION_CONV_MODE) != CUDNN_CROSS_CORRELATION) {
    refuse(CUDNN_STATUS_NOT_SUPPORTED, "only the cross-correlation is simulated");
  }
  if (operation.descriptor->number(names.beta, 0) != 0)
    refuse(CUDNN_STATUS_NOT_SUPPORTED, "beta is simulated as 0 only");

  const Tensor& out = operation.outputs.front().second;
  Array result(out.dims);
  auto dataOf = [&](const Tensor& tensor) {
    return tensor.uid == out.uid ? result.data.data() : arrays.at(tensor.uid).data.data();
  };
  double *x = dataOf(xTensor), *w = dataOf(wTensor), *y = dataOf(yTensor);
  Index rows = s.c * s.kSize(), width = s.ySize();
  std::vector<double> columns(static_cast<std::size_t>(rows * width));
  for (Index n = 0; n < s.n; n++) {
    for (Index g = 0; g < s.groups; g++) {
      double* xPart = x + (n * s.groups + g) * s.c * s.xSize();
      double* yPart = y + (n * s.groups + g) * s.o * width;
      double* wPart = w + g * s.o * rows;
      if (type == CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR) {
        columnsOf(s, xPart, columns);
        multiply(s.o, width, rows, [&](Index o, Index r) { return wPart[o * rows + r]; }, columns.data(), yPart);
      } else if (type == CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR) {
        std::fill(columns.begin(), columns.end(), 0.0);
        multiply(rows, width, s.o, [&](Index r, Index o) { return wPart[o * rows + r]; }, yPart, columns.data());
        addColumns(s, columns, xPart);
      } else {
        columnsOf(s, xPart, columns);
        for (Index o = 0; o < s.o; o++) {
          for (Index r = 0; r < rows; r++)
            wPart[o * rows + r] += dot(yPart + o * width, columns.data() + r * width, width);
        }
      }
    }
  }
  double alpha = operation.descriptor->number(names.alpha, 1);
  for (double& each : result.data) each *= alpha;
  arrays[out.uid] = std::move(result);
}

}  // namespace cudasim::cudnn
