#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Scripts on disk.
package enum ScriptFiles {
  /// Where the hand-written ones are, beside this source.
  package static var collection: String {
    let here = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
    return "/\(here)/Collection"
  }

  /// The scripts of a file, or of all files of a directory that end in ".scripts".
  package static func scripts(at path: String) throws -> [Script] {
    guard let directory = opendir(path) else { return try scripts(inFile: path) }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { octets in
        String(decoding: octets.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name.hasSuffix(".scripts") { names.append(name) }
    }
    return try names.sorted().flatMap { try scripts(inFile: "\(path)/\($0)") }
  }

  private static func scripts(inFile path: String) throws -> [Script] {
    guard let file = fopen(path, "r") else { throw ScriptError(origin: path, message: "cannot be read") }
    defer { fclose(file) }
    var octets: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = fread(&piece, 1, piece.count, file)
      guard count > 0 else { break }
      octets += piece[..<count]
    }
    let name = path.split(separator: "/").last.map(String.init) ?? path
    return try ScriptParser.scripts(in: String(decoding: octets, as: UTF8.self), file: name)
  }
}
