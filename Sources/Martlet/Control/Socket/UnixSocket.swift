import MartletLinks
import MartletTCP
import SystemPackage

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A Unix stream socket at a path: made, found, and removed again.
package enum UnixSocket {
  /// Listens at a path that is free, or at which nobody answers any more. From the moment that somebody can connect it has
  /// its permissions.
  package static func listen(at path: String, group: UInt32?) throws(LinkError) -> FileDescriptor {
    // Two that find a dead socket at the same moment must not each remove the other's.
    let lock = directoryLock(of: path)
    defer { try? lock?.close() }
    try removeDead(path)
    let descriptor = try open()
    do throws(LinkError) {
      try bind(descriptor, to: path)
    } catch {
      try? descriptor.close()
      throw error
    }
    do throws(LinkError) {
      // Before it listens nobody can connect.
      if let group, chown(path, uid_t.max, gid_t(group)) != 0 {
        throw LinkError(
          .failed, errno: Errno(rawValue: errno),
          "Cannot give \(path) to the group \(group): \(Errno(rawValue: errno)). Choose a group that you belong to."
        )
      }
      guard chmod(path, group == nil ? 0o600 : 0o660) == 0, systemListen(descriptor.rawValue, 16) == 0 else {
        throw LinkError(
          .failed, errno: Errno(rawValue: errno), "Cannot listen at \(path): \(Errno(rawValue: errno))")
      }
      return descriptor
    } catch {
      unlink(path)
      try? descriptor.close()
      throw error
    }
  }

  /// Connects to whoever listens at a path.
  package static func connect(to path: String) throws(LinkError) -> FileDescriptor {
    let descriptor = try open()
    let result = try withAddress(of: path) { address, size in
      systemConnect(descriptor.rawValue, address, size)
    }
    guard result != 0 else { return descriptor }
    let error = Errno(rawValue: errno)
    try? descriptor.close()
    switch error {
    case .noSuchFileOrDirectory:
      throw LinkError(.failed, errno: error, "There is no control socket at \(path). Is Martlet running?")
    case .connectionRefused:
      throw LinkError(
        .failed, errno: error, "Nobody answers at \(path): whoever made it has ended. Start Martlet again.")
    case .permissionDenied:
      throw LinkError(
        .noPermission, errno: error,
        "You may not use \(path). Ask as the user who runs Martlet, or as one of its --control-group.")
    default: throw LinkError(.failed, errno: error, "Cannot connect to \(path): \(error)")
    }
  }

  /// Which file a path names, to know later whether it is still the same.
  package static func identity(of path: String) -> FileIdentity? {
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    return FileIdentity(device: UInt64(truncatingIfNeeded: status.st_dev), number: UInt64(status.st_ino))
  }

  package struct FileIdentity: Equatable, Sendable {
    let device: UInt64
    let number: UInt64
  }

  // MARK: Steps

  private static func open() throws(LinkError) -> FileDescriptor {
    #if canImport(Darwin)
      let fd = socket(AF_UNIX, SOCK_STREAM, 0)
      var one: Int32 = 1
      setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &one, socklen_t(MemoryLayout<Int32>.size))
      if fd >= 0 { _ = fcntl(fd, F_SETFD, FD_CLOEXEC) }
    #elseif canImport(Musl)
      let fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)
    #else
      let fd = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    #endif
    guard fd >= 0 else {
      throw LinkError(
        .failed, errno: Errno(rawValue: errno), "Cannot make a Unix socket: \(Errno(rawValue: errno))")
    }
    return FileDescriptor(rawValue: fd)
  }

  private static func bind(_ descriptor: FileDescriptor, to path: String) throws(LinkError) {
    let result = try withAddress(of: path) { address, size in
      systemBind(descriptor.rawValue, address, size)
    }
    guard result != 0 else { return }
    let error = Errno(rawValue: errno)
    if error == .addressInUse {
      throw LinkError(
        .addressInUse, errno: error, "Somebody else has just made \(path). Choose another path.")
    }
    throw LinkError(
      error == .permissionDenied ? .noPermission : .failed, errno: error,
      "Cannot make a socket at \(path): \(error). Choose a path in a directory that you may write to.")
  }

  private static func removeDead(_ path: String) throws(LinkError) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFSOCK else {
      throw LinkError(
        .failed, "\(path) is there already, and is no socket. Choose another path, or remove it.")
    }
    if let answering = try? connect(to: path) {
      try? answering.close()
      throw LinkError(
        .addressInUse, "Somebody answers at \(path) already. Choose another path, or end that one first.")
    }
    guard errno == ECONNREFUSED else {
      throw LinkError(.addressInUse, "\(path) is somebody else's socket. Choose another path.")
    }
    unlink(path)
  }

  /// Held as long as it is open. Nil where the directory cannot be locked: then the last to come has it.
  private static func directoryLock(of path: String) -> FileDescriptor? {
    let directory = FilePath(path).removingLastComponent()
    let descriptor = try? FileDescriptor.open(
      directory.isEmpty ? FilePath(".") : directory, .readOnly, options: [.directory, .closeOnExec])
    if let descriptor { flock(descriptor.rawValue, LOCK_EX) }
    return descriptor
  }

  private static func withAddress<R>(
    of path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R
  ) throws(LinkError) -> R {
    var address = sockaddr_un()
    let octets = Array(path.utf8)
    let room = MemoryLayout.size(ofValue: address.sun_path)
    guard !octets.isEmpty, octets.count < room, !octets.contains(0) else {
      throw LinkError(
        .badName,
        "The path of a Unix socket has 1 to \(room - 1) octets, and \"\(path)\" has \(octets.count). Choose another."
      )
    }
    address.sun_family = sa_family_t(AF_UNIX)
    #if canImport(Darwin)
      address.sun_len = UInt8(MemoryLayout<sockaddr_un>.size)
    #endif
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: octets) }
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }
}

// The calls by these names are methods of the types above, too.

private func systemBind(_ fd: Int32, _ address: UnsafePointer<sockaddr>, _ size: socklen_t) -> Int32 {
  bind(fd, address, size)
}

private func systemConnect(_ fd: Int32, _ address: UnsafePointer<sockaddr>, _ size: socklen_t) -> Int32 {
  connect(fd, address, size)
}

private func systemListen(_ fd: Int32, _ backlog: Int32) -> Int32 { listen(fd, backlog) }
