// NVIDIA's wheels that hold the libraries of the cuda devices: versions, sizes in bytes and SHA-256, by CUDA and processor.
// A library is added by a row in `parts` and one in each list of `wheels`.

const CUDA_LICENCE = { name: 'CUDA Toolkit End User License Agreement', url: 'https://docs.nvidia.com/cuda/eula/' }
const CUDNN_LICENCE = {
  name: 'cuDNN Supplement to the Software License Agreement',
  url: 'https://docs.nvidia.com/deeplearning/cudnn/backend/latest/reference/eula.html',
}

/** Of each part: its package for each CUDA, and which of its libraries are unpacked. */
const parts = {
  cudnn: {
    title: 'cuDNN',
    packages: { 12: 'nvidia-cudnn-cu12', 13: 'nvidia-cudnn-cu13' },
    library: /^libcudnn(_[a-z_]+)?\.so\.9$/,
    licence: CUDNN_LICENCE,
  },
  cublas: {
    title: 'cuBLAS',
    packages: { 12: 'nvidia-cublas-cu12', 13: 'nvidia-cublas' },
    library: /^libcublasLt\.so\.1[23]$/,
    licence: CUDA_LICENCE,
  },
  nvrtc: {
    title: 'NVRTC',
    packages: { 12: 'nvidia-cuda-nvrtc-cu12', 13: 'nvidia-cuda-nvrtc' },
    library: /^libnvrtc(\.so\.1[23]|-builtins\.so\.1[23]\.\d+)$/,
    licence: CUDA_LICENCE,
  },
  runtime: {
    title: 'CUDA runtime',
    packages: { 12: 'nvidia-cuda-runtime-cu12', 13: 'nvidia-cuda-runtime' },
    library: /^libcudart\.so\.1[23]$/,
    licence: CUDA_LICENCE,
  },
}

function wheel(cuda, part, version, tag, size, sha256) {
  const { packages, ...rest } = parts[part]
  const name = packages[cuda]
  return {
    ...rest,
    package: name,
    version,
    file: `${name.replaceAll('-', '_')}-${version}-py3-none-${tag}.whl`,
    size,
    sha256,
  }
}

/** CUDA → processor as Node names it → wheels. */
// biome-ignore format: a table
export const wheels = {
  12: {
    x64: [
      wheel(12, 'cudnn', '9.22.0.52', 'manylinux_2_27_x86_64', 718382818, '391b9a7ee6386daaca7f8dca41e83c2c99f760c9581a0400755e87b4287b8847'),
      wheel(12, 'cublas', '12.8.4.1', 'manylinux_2_27_x86_64', 594346921, '8ac4e771d5a348c551b2a426eda6193c19aa630236b418086020df5ba9667142'),
      wheel(12, 'nvrtc', '12.8.93', 'manylinux2010_x86_64.manylinux_2_12_x86_64', 88040029, 'a7756528852ef889772a84c6cd89d41dfa74667e24cca16bb31f8f061e3e9994'),
      wheel(12, 'runtime', '12.8.90', 'manylinux2014_x86_64.manylinux_2_17_x86_64', 954765, 'adade8dcbd0edf427b7204d480d6066d33902cab2a4707dcfc48a2d0fd44ab90'),
    ],
    arm64: [
      wheel(12, 'cudnn', '9.22.0.52', 'manylinux_2_27_aarch64', 774536507, 'cd9011812498376f866b9826331cc965ac922eb2df8549c9f2989f10255e5001'),
      wheel(12, 'cublas', '12.8.4.1', 'manylinux_2_27_aarch64', 590537124, 'b86f6dd8935884615a0683b663891d43781b819ac4f2ba2b0c9604676af346d0'),
      wheel(12, 'nvrtc', '12.8.93', 'manylinux2014_aarch64.manylinux_2_17_aarch64', 43106076, 'fc1fec1e1637854b4c0a65fb9a8346b51dd9ee69e61ebaccc82058441f15bce8'),
      wheel(12, 'runtime', '12.8.90', 'manylinux2014_aarch64.manylinux_2_17_aarch64', 965265, '52bf7bbee900262ffefe5e9d5a2a69a30d97e2bc5bb6cc866688caa976966e3d'),
    ],
  },
  13: {
    x64: [
      wheel(13, 'cudnn', '9.24.0.43', 'manylinux_2_27_x86_64', 553099438, '71f181cd810e90f9b6023b01186fe82d13d65f0ec098581ee201d39fad769e4b'),
      wheel(13, 'cublas', '13.1.1.3', 'manylinux_2_27_x86_64', 423138758, '37936a16db8fe4ac1f065c2139360608a543a09275cb1a1af612e08cfa065436'),
      wheel(13, 'nvrtc', '13.0.88', 'manylinux2010_x86_64.manylinux_2_12_x86_64', 90215200, 'ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575'),
      wheel(13, 'runtime', '13.0.96', 'manylinux2014_x86_64.manylinux_2_17_x86_64', 2243632, '7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548'),
    ],
    arm64: [
      wheel(13, 'cudnn', '9.20.0.48', 'manylinux_2_27_aarch64', 444574296, 'e31454ae00094b0c55319d9d15b6fa2fc50a9e1c0f5c8c80fb75258234e731e1'),
      wheel(13, 'cublas', '13.1.1.3', 'manylinux_2_27_aarch64', 542848918, 'b7a210458267ac818974c53038fbec2e969d5c99f305ab15c72522fa9f001dd5'),
      wheel(13, 'nvrtc', '13.0.88', 'manylinux2014_aarch64.manylinux_2_17_aarch64', 43015449, 'd27f20a0ca67a4bb34268a5e951033496c5b74870b868bacd046b1b8e0c3267b'),
      wheel(13, 'runtime', '13.0.96', 'manylinux2014_aarch64.manylinux_2_17_aarch64', 2261060, 'ef9bcbe90493a2b9d810e43d249adb3d02e98dd30200d86607d8d02687c43f55'),
    ],
  },
}
