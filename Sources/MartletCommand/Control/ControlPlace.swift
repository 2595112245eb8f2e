import Martlet
import MartletLinks
import SystemPackage

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Where control sockets are: where a server puts its own, and where those who ask look for it.
enum ControlPlace {
  /// `$XDG_RUNTIME_DIR/martlet` for a user, `/run/martlet` for root; the first is preferred.
  static var directories: [String] {
    var found: [String] = []
    if let runtime = environment("XDG_RUNTIME_DIR") { found.append(runtime + "/martlet") }
    return found + ["/run/martlet"]
  }

  static func environment(_ name: String) -> String? {
    guard let value = getenv(name) else { return nil }
    let text = String(cString: value)
    return text.isEmpty ? nil : text
  }

  /// Where a server of this process has its socket unless it is told otherwise; nil: there is no directory for it.
  static func own() -> String? {
    for directory in directories {
      mkdir(directory, directory.hasPrefix("/run/martlet") ? 0o755 : 0o700)
      guard access(directory, W_OK | X_OK) == 0 else { continue }
      return "\(directory)/martlet-\(getpid()).sock"
    }
    return nil
  }

  /// The socket to ask: `given`, or `$MARTLET_CONTROL`, or the only one at which somebody answers.
  static func find(_ given: String?) throws -> String {
    if let path = given ?? environment("MARTLET_CONTROL") { return path }
    let all = directories.flatMap { sockets(in: $0) }
    let answering = all.filter { path in
      guard let descriptor = try? UnixSocket.connect(to: path) else { return false }
      try? descriptor.close()
      return true
    }
    if answering.count == 1 { return answering[0] }
    throw try complaint(answering, all)
  }

  private static func complaint(_ answering: [String], _ all: [String]) throws -> SpecificationError {
    if answering.count > 1 {
      return SpecificationError(
        "Several are running: \(answering.joined(separator: ", ")). Say which with --control.")
    }
    guard all.isEmpty else {
      // Why nobody answers: a permission that is missing, for instance.
      _ = try UnixSocket.connect(to: all[0]).close()
      return SpecificationError("Nobody answers at \(all.joined(separator: ", ")).")
    }
    return SpecificationError(
      "No running Martlet was found in \(directories.joined(separator: " or ")). Start \"martlet serve\", or say where its control socket is with --control or $MARTLET_CONTROL."
    )
  }

  private static func sockets(in directory: String) -> [String] {
    guard let stream = opendir(directory) else { return [] }
    defer { closedir(stream) }
    var paths: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name.hasSuffix(".sock") { paths.append(directory + "/" + name) }
    }
    return paths.sorted()
  }
}
