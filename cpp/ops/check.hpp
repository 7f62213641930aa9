// check: the tests that shape rules share. Each raises the user's error, which names the op and the parameter at fault;
// texts are only made when a test fails.
#pragma once

#include "base/error.hpp"
#include "infer.hpp"

namespace cnn::check {

using Name = std::string_view;

/// Most bytes of one tensor: beyond any machine, and so far below 2^63 that no offset or padded layout overflows.
inline constexpr Index maxBytes = Index{1} << 46;
/// Largest stride, padding, dilation or kernel size, and largest number that an int32 position can hold.
inline constexpr Index maxInt32 = 0x7fffffff;

/// The desc of an output in the plain layout. Every output of a rule is made here: negative sizes and sizes beyond
/// `maxBytes` are found.
TensorDesc checkedShape(Name op, DType dtype, const Dims& shape);

// ---- types ----

/// A floating-point type; others must be cast first.
void isFloat(Name op, Name what, const TensorDesc& x);
/// float32 or float64: what is updated in place keeps more digits than a half type has.
void isComputeFloat(Name op, Name what, const TensorDesc& x);
/// A floating-point type or int32.
void isNumber(Name op, Name what, const TensorDesc& x);
void isInt32(Name op, Name what, const TensorDesc& x);
/// The type of `other`, which is called `otherName`.
void sameType(Name op, Name what, const TensorDesc& x, Name otherName, const TensorDesc& other);

// ---- shapes ----

void rankIs(Name op, Name what, const TensorDesc& x, int rank, Name expected);
/// `expected` tells in words what the shape stands for, such as "[O] of weight".
void shapeIs(Name op, Name what, const TensorDesc& x, const Dims& shape, Name expected);
/// The shape and type of `other`.
void sameDesc(Name op, Name what, const TensorDesc& x, Name otherName, const TensorDesc& other);
/// The shape that NumPy's broadcasting gives.
Dims broadcast(Name op, Name aName, const TensorDesc& a, Name bName, const TensorDesc& b);

// ---- parameters ----

/// `size` entries, each in [least, 2^31).
void entries(Name op, Name what, const Dims& values, int size, Index least);
void inRange(Name op, Name what, Index value, Index least, Index most);
/// An axis in [0, rank).
void axis(Name op, Name what, Index axis, int rank);
/// Distinct axes in [0, rank).
void axes(Name op, Name what, const Dims& axes, int rank);
/// A finite number that is at least `least`.
void atLeast(Name op, Name what, double value, double least);
void isFinite(Name op, Name what, double value);
void notNaN(Name op, Name what, double value);
/// A fraction in [0, 1).
void fraction(Name op, Name what, double value);
/// A number that elements of the type can hold (integers: whole and in range).
void representable(Name op, Name what, double value, DType dtype);

// ---- tensors of planes: [N, C, spatial…] ----

/// The name of a family's op by its number of spatial dimensions: {"conv", "conv1d", "conv2d", "conv3d"}.
using Names = std::array<Name, 4>;
inline Name named(const Names& names, int spatial) {
  return names[static_cast<std::size_t>(spatial >= 1 && spatial <= 3 ? spatial : 0)];
}
/// "[N, C, H, W]" for 2.
Name planesText(int spatial);
/// A float [N, C, …] with `spatial` (1 to 3) spatial dimensions, of which only N may be 0.
void planes(Name op, Name what, const TensorDesc& x, int spatial);
/// [N, C] of x, followed by `spatial`.
Dims withSpatial(const TensorDesc& x, const Dims& spatial);

}  // namespace cnn::check
