#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A directory that is served, and everything below it; nothing outside.
///
/// A path is walked one component at a time, each opened below the one before it and never
/// through a symbolic link. A link is read and its target walked likewise: `..` in it goes
/// back up, but not above the root, and an absolute target is refused. So nobody who changes
/// the tree meanwhile can lead the walk outside.
package final class ServedDirectory: Sendable {
  /// As it was given, for messages.
  package let path: String
  private let root: Int32

  private static let linkLimit = 16
  private static let depthLimit = 128

  package init(_ path: String) throws(SpecificationError) {
    root = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    self.path = path
    guard root >= 0 else {
      throw SpecificationError(
        "Cannot serve the directory \(path): \(String(cString: strerror(errno))). Name one that exists and can be read."
      )
    }
  }

  deinit { close(root) }

  /// Opens the file or directory at `path` for reading.
  package func open(_ path: RequestPath) throws(HTTPRefusal) -> OpenFile {
    try open(path.components)
  }

  private func open(_ components: [[UInt8]]) throws(HTTPRefusal) -> OpenFile {
    var walk = Walk(root)
    var pending: [[UInt8]] = components.reversed()
    var links = 0
    while let name = pending.popLast() {
      if name == Array("..".utf8) {
        guard walk.ascend() else { throw Self.outside }
        continue
      }
      switch walk.open(name) {
      case .success(let found):
        if found.isDirectory {
          guard walk.depth < Self.depthLimit else { throw Self.missing }
          walk.descend(consume found)
          continue
        }
        guard pending.isEmpty else { throw Self.missing }
        guard found.isRegular else { throw HTTPRefusal(.forbidden, "This is no file.") }
        return found
      case .link(let target):
        links += 1
        guard links <= Self.linkLimit, target.first != UInt8(ascii: "/") else { throw Self.outside }
        pending += target.split(separator: UInt8(ascii: "/")).map(Array.init).filter { $0 != Array(".".utf8) }
          .reversed()
        guard pending.count <= Self.depthLimit else { throw Self.missing }
      case .failure(let error): throw Self.refusal(error)
      }
    }
    return try walk.end()
  }

  /// Opens the directory that `path`, which names a file, lies in.
  package func openParent(_ path: RequestPath) throws(HTTPRefusal) -> OpenFile {
    guard !path.components.isEmpty, !path.endsInSlash else {
      throw HTTPRefusal(.forbidden, "A directory cannot be replaced.")
    }
    let parent = try open(path.components.dropLast())
    guard parent.isDirectory else { throw Self.missing }
    return parent
  }

  static let missing = HTTPRefusal(.notFound, "There is no such file.")
  private static let outside = HTTPRefusal(.forbidden, "A symbolic link leads out of the served directory.")

  static func refusal(_ error: Int32) -> HTTPRefusal {
    switch error {
    case ENOENT, ENOTDIR, ENAMETOOLONG: missing
    case EACCES, EPERM, ENXIO, EROFS, EISDIR: HTTPRefusal(.forbidden, "No permission.")
    case EMFILE, ENFILE: HTTPRefusal(.serviceUnavailable, "Too many open files.")
    default: HTTPRefusal(.internalServerError, String(cString: strerror(error)))
    }
  }
}

/// A way down a tree: the directories passed, the last one innermost.
private struct Walk: ~Copyable {
  private let root: Int32
  private var passed: [Int32] = []

  enum Step: ~Copyable {
    case success(OpenFile)
    case link([UInt8])
    case failure(Int32)
  }

  init(_ root: Int32) { self.root = root }

  deinit { for directory in passed { close(directory) } }

  var depth: Int { passed.count }

  mutating func descend(_ directory: consuming OpenFile) { passed.append(directory.release()) }

  mutating func ascend() -> Bool {
    guard let last = passed.popLast() else { return false }
    close(last)
    return true
  }

  /// What `name` is here; a symbolic link is read, not followed.
  func open(_ name: [UInt8]) -> Step {
    let here = passed.last ?? root
    // O_NONBLOCK: to open a FIFO must not wait for its other end.
    let fd = name.withPath { openat(here, $0, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) }
    if fd >= 0 {
      guard let file = OpenFile(owning: fd) else { return .failure(errno) }
      return .success(file)
    }
    let error = errno
    guard error == ELOOP || error == EMLINK else { return .failure(error) }
    var target = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = name.withPath { readlinkat(here, $0, &target, target.count) }
    return count > 0 ? .link(target[..<count].map(UInt8.init(bitPattern:))) : .failure(errno)
  }

  /// The directory that the walk has come to.
  consuming func end() throws(HTTPRefusal) -> OpenFile {
    let copy = fcntl(passed.last ?? root, F_DUPFD_CLOEXEC, 0)
    guard copy >= 0, let file = OpenFile(owning: copy) else { throw ServedDirectory.refusal(errno) }
    return file
  }
}
