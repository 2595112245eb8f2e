/// What a file's name says about its content.
enum MediaType {
  static func of(_ name: [UInt8]?) -> String {
    guard let name, let dot = name.lastIndex(of: UInt8(ascii: ".")) else { return unknown }
    return switch String(decoding: name[(dot + 1)...], as: UTF8.self).lowercased() {
    case "html", "htm": "text/html; charset=utf-8"
    case "txt", "md", "swift", "log": "text/plain; charset=utf-8"
    case "css": "text/css; charset=utf-8"
    case "js", "mjs": "text/javascript; charset=utf-8"
    case "json": "application/json"
    case "wasm": "application/wasm"
    case "svg": "image/svg+xml"
    case "png": "image/png"
    case "jpg", "jpeg": "image/jpeg"
    case "gif": "image/gif"
    case "pdf": "application/pdf"
    default: unknown
    }
  }

  private static let unknown = "application/octet-stream"
}
