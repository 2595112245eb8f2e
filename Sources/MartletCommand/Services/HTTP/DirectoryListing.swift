#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The page that is shown for a directory without an `index.html`.
struct DirectoryListing {
  private static let limit = 10_000

  /// Names in order; directories end in a slash.
  private var names: [[UInt8]] = []
  private var isCut = false

  init(_ directory: borrowing OpenFile) throws(HTTPRefusal) {
    // A descriptor of its own, because reading moves its position.
    let copy = openat(directory.descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard copy >= 0, let stream = fdopendir(copy) else {
      let error = errno
      if copy >= 0 { close(copy) }
      throw ServedDirectory.refusal(error)
    }
    defer { closedir(stream) }
    while let entry = readdir(stream) {
      var name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      guard name.first != UInt8(ascii: ".") else { continue }
      guard names.count < Self.limit else {
        isCut = true
        break
      }
      if Int32(entry.pointee.d_type) == Int32(DT_DIR) { name.append(UInt8(ascii: "/")) }
      names.append(name)
    }
    names.sort { $0.lexicographicallyPrecedes($1) }
  }

  /// The page, for the directory at `path`.
  func page(for path: RequestPath) -> String {
    let title = Self.escaped(path.encoded)
    var page =
      "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>\(title)</title></head>\n<body><h1>\(title)</h1>\n<ul>\n"
    if !path.components.isEmpty { page += "<li><a href=\"../\">../</a></li>\n" }
    for name in names {
      let isDirectory = name.last == UInt8(ascii: "/")
      let link = RequestPath.percentEncoded(isDirectory ? name.dropLast() : name) + (isDirectory ? "/" : "")
      page += "<li><a href=\"./\(link)\">\(Self.escaped(String(decoding: name, as: UTF8.self)))</a></li>\n"
    }
    if isCut { page += "<li>and more</li>\n" }
    return page + "</ul></body></html>\n"
  }

  private static func escaped(_ text: String) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}
