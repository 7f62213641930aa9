// Where the CUDA libraries lie, and what lies there. cpp/core/cuda_folder.cpp looks in the same places.
import { readFileSync, statSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/** The folder of cuda-12 and cuda-13: NODE_CUDNN_CUDA_DIR, or node-cudnn in the user's cache. */
export function cudaRoot(env = process.env) {
  if (env.NODE_CUDNN_CUDA_DIR) return path.resolve(env.NODE_CUDNN_CUDA_DIR)
  return path.join(env.XDG_CACHE_HOME || path.join(env.HOME || os.homedir(), '.cache'), 'node-cudnn')
}

export const cudaFolder = (cuda, root) => path.join(root, `cuda-${cuda}`)

const RECORD = 'installed.json'

/** What `cuda install` wrote down of a folder, or undefined. */
export function readRecord(folder) {
  try {
    return JSON.parse(readFileSync(path.join(folder, RECORD), 'utf8'))
  } catch {
    return undefined
  }
}

/** The record of a folder, to be written last: package → version and SHA-256, file → bytes. */
export function makeRecord(cuda, arch, wheels, files) {
  const packages = Object.fromEntries(wheels.map(({ package: name, version, sha256 }) => [name, { version, sha256 }]))
  return { name: RECORD, text: `${JSON.stringify({ format: 1, cuda, arch, packages, files }, undefined, 1)}\n` }
}

/** Files of a record that are gone or have another length. */
export function damagedFiles(folder, record) {
  return Object.entries(record.files)
    .filter(([name, bytes]) => statSync(path.join(folder, name), { throwIfNoEntry: false })?.size !== bytes)
    .map(([name]) => name)
}

/** True if a folder holds exactly these wheels' libraries, all of them. */
export function isInstalled(folder, wheels) {
  const record = readRecord(folder)
  if (record?.format !== 1) return false
  const isSame = wheels.every(({ package: name, sha256 }) => record.packages[name]?.sha256 === sha256)
  return isSame && Object.keys(record.packages).length === wheels.length && damagedFiles(folder, record).length === 0
}
