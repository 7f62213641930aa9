// What this machine has: programs, libraries, data. Looks only at files, so it costs no time; knows nothing of our build.
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import path from 'node:path'

/** The full path of a program on the search path, or undefined. */
export function which(name, env = process.env) {
  for (const folder of (env.PATH ?? '').split(path.delimiter)) {
    const file = path.resolve(folder || '.', name)
    try {
      accessSync(file, constants.X_OK)
      return file
    } catch {
      // not in this folder
    }
  }
  return undefined
}

function firstExisting(folders, file) {
  return folders.map((folder) => path.join(folder, file)).find((candidate) => existsSync(candidate))
}

/** oneDNN's C++ header, where CMake would find it too: under ONEDNN_ROOT alone, where that is set. */
export function findOneDnn(env = process.env) {
  const usual = [...(env.CMAKE_PREFIX_PATH ?? '').split(path.delimiter).filter(Boolean), '/usr', '/usr/local']
  const prefixes = env.ONEDNN_ROOT ? [env.ONEDNN_ROOT] : usual
  return firstExisting(
    prefixes.map((prefix) => path.join(prefix, 'include')),
    'oneapi/dnnl/dnnl.hpp',
  )
}

/** The version that oneDNN's header is of, "3.7.2", as far as the header beside it says. */
export function oneDnnVersion(header) {
  const file = path.join(path.dirname(header), 'dnnl_version.h')
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const parts = ['MAJOR', 'MINOR', 'PATCH'].map((part) => new RegExp(`DNNL_VERSION_${part}\\s+(\\d+)`).exec(text)?.[1])
  return parts.includes(undefined) ? 'of an unknown version' : parts.join('.')
}

/** CUDA's compiler, where CMake would find it too (cmake/cuda_compiler.cmake). */
export function findNvcc(env = process.env) {
  if (env.CUDACXX) return which(env.CUDACXX, env)
  const bin = (...prefixes) => prefixes.filter(Boolean).map((prefix) => path.join(prefix, 'bin'))
  return (
    firstExisting(bin(env.CUDA_PATH, env.CUDA_HOME), 'nvcc') ??
    which('nvcc', env) ??
    firstExisting(bin(env.CONDA_PREFIX, '/usr/local/cuda'), 'nvcc')
  )
}

/** cuDNN's header: under CUDNN_ROOT (a prefix, or a folder of pip's nvidia packages), beside nvcc, in a conda environment, or where systems put it. */
export function findCudnn(env = process.env) {
  const under = ['include', 'cudnn/include', 'nvidia/cudnn/include']
  const folders = env.CUDNN_ROOT ? under.map((folder) => path.join(env.CUDNN_ROOT, folder)) : []
  const nvcc = findNvcc(env)
  if (nvcc) folders.push(path.join(path.dirname(nvcc), '..', 'include'))
  if (env.CONDA_PREFIX) folders.push(path.join(env.CONDA_PREFIX, 'include'))
  const system = ['/usr/include', '/usr/include/x86_64-linux-gnu', '/usr/local/include', '/usr/local/cuda/include']
  return firstExisting([...folders, ...system], 'cudnn.h')
}

/** The folder of Debian's Fashion-MNIST package. */
export function findFashionMnist() {
  const file = '/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz'
  return existsSync(file) ? path.dirname(file) : undefined
}

/**
 * Everything that the build and the examples want from the system. `required` ones stop the build; the others have a
 * fallback, which `without` names.
 */
export const wants = [
  {
    name: 'a C++20 compiler',
    required: true,
    apt: 'g++',
    find: (env) =>
      env.CXX ? which(env.CXX.split(' ')[0], env) : (which('c++', env) ?? which('g++', env) ?? which('clang++', env)),
  },
  { name: 'CMake', required: true, apt: 'cmake', find: (env) => which('cmake', env) },
  { name: 'make', required: true, apt: 'make', find: (env) => which('ninja', env) ?? which('make', env) },
  {
    name: 'oneDNN',
    apt: 'libdnnl-dev',
    find: findOneDnn,
    without: 'the cpu device computes convolutions and matrix products by its own kernels',
  },
  {
    name: 'the Fashion-MNIST data',
    apt: 'dataset-fashion-mnist',
    find: findFashionMnist,
    without: 'the examples download it when they need it',
  },
]

export function missing(env = process.env) {
  return wants.filter((want) => !want.find(env))
}

/** "a", "a and b", "a, b and c" */
export function list(words) {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
}

/** How to get the given things on this system, as the end of a sentence. */
export function howToGet(things, env = process.env) {
  return which('apt-get', env)
    ? `get ${things.length > 1 ? 'them' : 'it'} with: sudo apt-get install ${things.map((want) => want.apt).join(' ')}`
    : `install ${things.length > 1 ? 'them' : 'it'} with this system's package manager`
}
