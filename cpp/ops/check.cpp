// The tests that shape rules share.
#include "check.hpp"

#include <cmath>
#include <limits>

namespace cnn::check {

namespace {

std::string dimensions(int rank) { return text(rank, rank == 1 ? " dimension" : " dimensions"); }

[[noreturn]] void wrongType(Name op, Name what, const TensorDesc& x, Name expected) {
  fail(ErrorKind::dtype, op, ": ", what, " is ", toString(x), ", expected ", expected, "; cast it first");
}

}  // namespace

TensorDesc checkedShape(Name op, DType dtype, const Dims& shape) {
  // Zeros count as ones, so that no partial product (a stride) overflows either.
  Index bytes = static_cast<Index>(sizeOf(dtype));
  for (Index size : shape) {
    if (size < 0) fail(ErrorKind::shape, op, ": the result would be ", dtype, shape, ", expected no negative size");
    if (size <= 1) continue;
    if (bytes > std::numeric_limits<Index>::max() / size) {
      fail(ErrorKind::shape, op, ": the result would be ", dtype, shape,
           ", expected a number of bytes that can be counted");
    }
    bytes *= size;
  }
  if (bytes > maxBytes) {
    Error error(ErrorKind::outOfMemory,
                text(op, ": the result would be ", dtype, shape, " of ", bytes, " bytes, expected at most ", maxBytes));
    error.requested = static_cast<std::size_t>(bytes);
    throw error;
  }
  return {dtype, shape};
}

void isFloat(Name op, Name what, const TensorDesc& x) {
  if (!cnn::isFloat(x.dtype)) wrongType(op, what, x, "float32, float64, bfloat16 or float16");
}

void isComputeFloat(Name op, Name what, const TensorDesc& x) {
  if (!cnn::isComputeFloat(x.dtype)) wrongType(op, what, x, "float32 or float64");
}

void isNumber(Name op, Name what, const TensorDesc& x) {
  if (!cnn::isNumber(x.dtype)) wrongType(op, what, x, "float32, float64, bfloat16, float16 or int32");
}

void isInt32(Name op, Name what, const TensorDesc& x) {
  if (x.dtype != DType::int32) wrongType(op, what, x, "int32");
}

void sameType(Name op, Name what, const TensorDesc& x, Name otherName, const TensorDesc& other) {
  if (x.dtype != other.dtype) {
    fail(ErrorKind::dtype, op, ": ", what, " is ", toString(x), ", but ", otherName, " is ", toString(other),
         "; expected one type, cast one of them");
  }
}

void rankIs(Name op, Name what, const TensorDesc& x, int rank, Name expected) {
  if (x.rank() != rank) {
    fail(ErrorKind::shape, op, ": ", what, " is ", toString(x), " of ", dimensions(x.rank()), ", expected ", expected);
  }
}

void shapeIs(Name op, Name what, const TensorDesc& x, const Dims& shape, Name expected) {
  if (x.shape != shape) {
    fail(ErrorKind::shape, op, ": ", what, " is ", toString(x), ", expected shape ", shape, " (", expected, ")");
  }
}

void sameDesc(Name op, Name what, const TensorDesc& x, Name otherName, const TensorDesc& other) {
  sameType(op, what, x, otherName, other);
  if (x.shape != other.shape) {
    fail(ErrorKind::shape, op, ": ", what, " is ", toString(x), ", but ", otherName, " is ", toString(other),
         "; expected one shape");
  }
}

Dims broadcast(Name op, Name aName, const TensorDesc& a, Name bName, const TensorDesc& b) {
  const bool aIsLonger = a.rank() >= b.rank();
  const Dims& small = aIsLonger ? b.shape : a.shape;
  Dims result = aIsLonger ? a.shape : b.shape;
  const int offset = result.size() - small.size();
  for (int i = 0; i < small.size(); i++) {
    Index& size = result[i + offset];
    if (size == small[i] || small[i] == 1) continue;
    if (size != 1) {
      fail(ErrorKind::shape, op, ": ", aName, " is ", toString(a), " and ", bName, " is ", toString(b),
           ", expected shapes that broadcast (sizes equal or 1, counted from the last dimension)");
    }
    size = small[i];
  }
  return result;
}

void entries(Name op, Name what, const Dims& values, int size, Index least) {
  if (values.size() != size) {
    fail(ErrorKind::shape, op, ": ", what, " is ", values, " with ", values.size(),
         values.size() == 1 ? " entry" : " entries", ", expected ", size);
  }
  for (Index value : values) {
    if (value < least || value > maxInt32) {
      fail(ErrorKind::value, op, ": ", what, " is ", values, ", expected numbers from ", least, " to ", maxInt32);
    }
  }
}

void inRange(Name op, Name what, Index value, Index least, Index most) {
  if (value < least || value > most)
    fail(ErrorKind::value, op, ": ", what, " is ", value, ", expected ", least, " to ", most);
}

void axis(Name op, Name what, Index axis, int rank) {
  if (axis < 0 || axis >= rank) {
    fail(ErrorKind::shape, op, ": ", what, " is ", axis, ", which does not exist in a tensor of ", dimensions(rank));
  }
}

void axes(Name op, Name what, const Dims& axes, int rank) {
  unsigned seen = 0;
  for (Index each : axes) {
    if (each < 0 || each >= rank) {
      fail(ErrorKind::shape, op, ": ", what, " is ", axes, ", of which ", each, " does not exist in a tensor of ",
           dimensions(rank));
    }
    const unsigned bit = 1u << each;
    if (seen & bit) fail(ErrorKind::shape, op, ": ", what, " is ", axes, ", which repeats ", each);
    seen |= bit;
  }
}

void atLeast(Name op, Name what, double value, double least) {
  if (!(value >= least) || std::isinf(value)) {
    fail(ErrorKind::value, op, ": ", what, " is ", value, ", expected a finite number of at least ", least);
  }
}

void isFinite(Name op, Name what, double value) {
  if (!std::isfinite(value)) fail(ErrorKind::value, op, ": ", what, " is ", value, ", expected a finite number");
}

void notNaN(Name op, Name what, double value) {
  if (std::isnan(value)) fail(ErrorKind::value, op, ": ", what, " is NaN, expected a number");
}

void fraction(Name op, Name what, double value) {
  if (!(value >= 0 && value < 1))
    fail(ErrorKind::value, op, ": ", what, " is ", value, ", expected at least 0 and less than 1");
}

void representable(Name op, Name what, double value, DType dtype) {
  if (cnn::isFloat(dtype)) return;
  double least = 0, most = dtype == DType::uint8 ? 255 : 1;
  if (dtype == DType::int32) {
    least = -2147483648.0;
    most = 2147483647.0;
  }
  if (!(value >= least && value <= most) || value != std::trunc(value)) {
    fail(ErrorKind::value, op, ": ", what, " is ", value, ", expected a whole number from ", static_cast<Index>(least),
         " to ", static_cast<Index>(most), " for ", dtype);
  }
}

Name planesText(int spatial) {
  return named({"[N, C, spatial…] with 1 to 3 spatial dimensions", "[N, C, L]", "[N, C, H, W]", "[N, C, D, H, W]"},
               spatial);
}

void planes(Name op, Name what, const TensorDesc& x, int spatial) {
  if (spatial < 1 || spatial > 3 || x.rank() != spatial + 2) {
    fail(ErrorKind::shape, op, ": ", what, " is ", toString(x), " of ", dimensions(x.rank()), ", expected ",
         planesText(spatial));
  }
  isFloat(op, what, x);
  for (int i = 1; i < x.rank(); i++) {
    if (x.shape[i] == 0)
      fail(ErrorKind::shape, op, ": ", what, " is ", toString(x), ", expected no empty dimension except the batch");
  }
}

Dims withSpatial(const TensorDesc& x, const Dims& spatial) {
  Dims shape = x.shape.slice(0, 2);
  for (Index size : spatial) shape.push(size);
  return shape;
}

}  // namespace cnn::check
