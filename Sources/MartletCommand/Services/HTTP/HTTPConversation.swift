import MartletTCP

/// An HTTP/1.1 connection to a served directory: GET, HEAD, and PUT where it is allowed.
///
/// One request at a time: the next is read when the answer to the last has left. A request
/// that has content and is refused, or is not understood, ends the connection after its answer.
package final class HTTPConversation: TimedConversation {
  /// What is served, and how.
  package struct Site: Sendable {
    package enum Content: Sendable {
      case directory(ServedDirectory)
      /// One page under every path, for demonstrations.
      case page(String)
    }

    package var content: Content
    package var allowsUpload: Bool
    /// The largest content a PUT may have, in octets.
    package var uploadLimit: UInt64

    package init(_ content: Content, allowsUpload: Bool = false, uploadLimit: UInt64 = .max) {
      self.content = content
      self.allowsUpload = allowsUpload
      self.uploadLimit = uploadLimit
    }
  }

  private enum Phase: Equatable {
    case head
    /// Content of an upload arrives.
    case content
    /// The answer leaves.
    case answer
    /// No further request is read.
    case over
  }

  /// How long a request's head may take from its first octet to its last. One octet now and then keeps a
  /// connection from being idle, and costs the sender nothing.
  private static let headPatience = TimeAmount.seconds(60)

  package var now = Instant.origin
  private let site: Site
  private var phase = Phase.head
  /// Octets that arrived and belong to no request yet.
  private var pending: [UInt8] = []
  /// When the first octet came of a head that is not complete.
  private var headBegan: Instant?
  private var peerIsFinished = false
  /// It ends after this answer.
  private var isLast = false
  /// The request was understood and has no content: the next one begins right behind it.
  private var hasKnownEnd = false
  private var isBroken = false

  private var request = (method: "-", target: "-")
  private var body = BodyDecoder(.none)
  private var upload: Upload?

  /// What leaves: first the head (with the content of a page), then a part of a file.
  private var head: ArraySlice<UInt8> = []
  private var file: OpenFile?
  private var filePosition: UInt64 = 0
  private var fileEnd: UInt64 = 0
  private var note: ServiceNote?

  package init(_ site: Site) {
    self.site = site
  }

  // MARK: What arrives

  package var appetite: Int {
    switch phase {
    case .over: .max
    case .content where pending.isEmpty: .max
    default: max(HTTPRequestHead.limit - pending.count, 0)
    }
  }

  package func take(_ octets: RawSpan) {
    switch phase {
    case .over: break
    case .content where pending.isEmpty:
      let taken = takeContent(octets)
      pending.append(octets.extracting(taken..<octets.byteCount))
    default: pending.append(octets)
    }
    advance()
  }

  package func peerFinished() {
    peerIsFinished = true
    if phase == .content || phase == .head { finish() }
  }

  /// Reads on as far as `pending` goes.
  private func advance() {
    while true {
      switch phase {
      case .over, .answer: return
      case .content:
        guard !pending.isEmpty, !body.isComplete else { return }
        let held = pending
        pending = []
        let taken = held.withUnsafeBytes { takeContent($0.bytes) }
        pending = Array(held[taken...])
        if phase == .content { return }
      case .head:
        pending.removeFirst(pending.prefix { $0 == UInt8(ascii: "\r") || $0 == UInt8(ascii: "\n") }.count)
        guard let end = pending.endOfHead else {
          if pending.count >= HTTPRequestHead.limit {
            refuse(
              HTTPRefusal(.headerFieldsTooLarge, "The head is longer than \(HTTPRequestHead.limit) octets."))
          } else if peerIsFinished {
            finish()
          } else if !pending.isEmpty {
            let began = headBegan ?? now
            headBegan = began
            if now.since(began) > Self.headPatience {
              refuse(HTTPRefusal(.requestTimeout, "The head did not come within a minute."))
            }
          }
          return
        }
        headBegan = nil
        let head = pending[..<end.content]
        hasKnownEnd = false
        do throws(HTTPRefusal) {
          let request = try HTTPRequestHead(parsing: head)
          pending.removeFirst(end.all)
          try begin(request)
        } catch {
          refuse(error)
        }
      }
    }
  }

  private func begin(_ request: HTTPRequestHead) throws(HTTPRefusal) {
    self.request = (request.method, request.target)
    isLast = !request.keepsAlive
    hasKnownEnd = request.framing == .none
    switch request.method {
    case "GET", "HEAD":
      guard request.framing == .none || request.framing == .length(0) else {
        throw HTTPRefusal(.badRequest, "\(request.method) has no content.")
      }
      try show(try RequestPath(target: request.target))
    case "PUT": try beginUpload(request)
    default:
      throw HTTPRefusal(.methodNotAllowed, "Allowed are \(allowedMethods).")
    }
  }

  private var allowedMethods: String { site.allowsUpload ? "GET, HEAD, PUT" : "GET, HEAD" }

  // MARK: Uploads

  private func beginUpload(_ request: HTTPRequestHead) throws(HTTPRefusal) {
    let path = try RequestPath(target: request.target)
    guard site.allowsUpload, case .directory(let root) = site.content else {
      throw HTTPRefusal(.forbidden, "Uploads are off. Start the server with --allow-upload.")
    }
    switch request.framing {
    case .none: throw HTTPRefusal(.lengthRequired, "PUT needs Content-Length or chunked content.")
    case .length(let length) where length > site.uploadLimit:
      throw HTTPRefusal(.contentTooLarge, "At most \(site.uploadLimit) octets are taken.")
    default: break
    }
    upload = try Upload(in: root.openParent(path), name: path.components.last ?? [])
    body = BodyDecoder(request.framing)
    phase = .content
    if request.expectsContinue { head = ArraySlice("HTTP/1.1 100 Continue\r\n\r\n".utf8) }
    if body.isComplete { endUpload() }
  }

  /// Returns how many of the octets were content of the request.
  private func takeContent(_ octets: RawSpan) -> Int {
    do throws(HTTPRefusal) {
      let taken = try body.decode(octets) { upload?.write($0) }
      guard body.count <= site.uploadLimit else {
        throw HTTPRefusal(.contentTooLarge, "At most \(site.uploadLimit) octets are taken.")
      }
      if body.isComplete { endUpload() }
      return taken
    } catch {
      refuse(error)
      return octets.byteCount
    }
  }

  private func endUpload() {
    guard let finished = upload.take() else { return }
    do throws(HTTPRefusal) {
      let status = try finished.finish()
      answer(status, page: "\(status.phrase)\n", type: "text/plain; charset=utf-8")
      noteRequest(status, body.count)
    } catch {
      refuse(error)
    }
  }

  // MARK: Answers

  private func show(_ path: RequestPath) throws(HTTPRefusal) {
    guard case .directory(let directory) = site.content else { return showPage() }
    let found = try directory.open(path)
    guard found.isDirectory else {
      guard !path.endsInSlash else { throw ServedDirectory.missing }
      return answer(with: consume found, name: path.components.last)
    }
    guard path.endsInSlash else {
      // Relative links in the page count from the directory only with the slash.
      let place = path.encoded + "/"
      answer(
        .movedPermanently, page: "\(place)\n", type: "text/plain; charset=utf-8",
        fields: ["Location: \(place)"])
      return noteRequest(.movedPermanently, 0)
    }
    var index = path
    index.components.append(Array("index.html".utf8))
    if let page = try? directory.open(index), page.isRegular {
      return answer(with: page, name: index.components.last)
    }
    let page = try DirectoryListing(found).page(for: path)
    answer(.ok, page: page, type: "text/html; charset=utf-8")
    noteRequest(.ok, UInt64(page.utf8.count))
  }

  private func showPage() {
    guard case .page(let page) = site.content else { return }
    answer(.ok, page: page, type: "text/html; charset=utf-8")
    noteRequest(.ok, UInt64(page.utf8.count))
  }

  private func answer(with found: consuming OpenFile, name: [UInt8]?) {
    writeHead(
      .ok, type: MediaType.of(name), count: found.count,
      fields: ["Last-Modified: \(HTTPDate.text(found.modified))"])
    noteRequest(.ok, found.count)
    if request.method != "HEAD" {
      (filePosition, fileEnd) = (0, found.count)
      file = consume found
    }
  }

  private func answer(_ status: HTTPStatus, page: String, type: String, fields: [String] = []) {
    writeHead(status, type: type, count: UInt64(page.utf8.count), fields: fields)
    if request.method != "HEAD" { head += page.utf8 }
  }

  /// Answers with an error. Unless it is known where the next request begins, what else arrives
  /// is not looked at.
  private func refuse(_ refusal: HTTPRefusal) {
    upload = nil
    if !hasKnownEnd { (isLast, pending) = (true, []) }
    let fields = refusal.status == .methodNotAllowed ? ["Allow: \(allowedMethods)"] : []
    let page = "\(refusal.status.rawValue) \(refusal.status.phrase)\n\(refusal.reason)\n"
    answer(refusal.status, page: page, type: "text/plain; charset=utf-8", fields: fields)
    noteRequest(refusal.status, 0)
  }

  private func writeHead(_ status: HTTPStatus, type: String, count: UInt64, fields: [String]) {
    var text = "HTTP/1.1 \(status.rawValue) \(status.phrase)\r\nServer: martlet\r\nDate: \(HTTPDate.now)\r\n"
    text += "Content-Type: \(type)\r\nContent-Length: \(count)\r\n"
    for field in fields { text += field + "\r\n" }
    text += isLast ? "Connection: close\r\n\r\n" : "Connection: keep-alive\r\n\r\n"
    head += text.utf8
    phase = .answer
  }

  private func noteRequest(_ status: HTTPStatus, _ octets: UInt64) {
    note = .request(method: request.method, target: request.target, status: status.rawValue, octets: octets)
  }

  package func takeNote() -> ServiceNote? {
    defer { note = nil }
    return note
  }

  // MARK: What leaves

  package func offer(_ room: inout MutableRawSpan) -> Int {
    if !head.isEmpty { return room.fill(head) }
    guard filePosition < fileEnd, let limit = Int(exactly: min(fileEnd - filePosition, 1 << 30)) else {
      return 0
    }
    guard let count = file?.read(at: filePosition, limit: limit, into: &room), count > 0 else {
      isBroken = true  // it has become shorter: what was promised cannot be kept
      return 0
    }
    return count
  }

  package func sent(_ count: Int) {
    if !head.isEmpty {
      head = head.dropFirst(count)
    } else {
      filePosition += UInt64(count)
    }
    guard phase == .answer, head.isEmpty, filePosition == fileEnd else { return }
    file = nil
    head = []
    guard !isLast else { return finish() }
    phase = .head
    advance()
    if peerIsFinished && phase == .head { finish() }
  }

  /// No further request is read.
  private func finish() {
    phase = .over
    upload = nil
    pending = []
  }

  package var outlook: Outlook {
    if isBroken { return .abort }
    guard phase == .over else { return .open }
    return peerIsFinished ? .close : .finish
  }
}

extension [UInt8] {
  /// Where a request's head ends: without and with the empty line.
  fileprivate var endOfHead: (content: Int, all: Int)? {
    var at = startIndex
    while let newline = self[at...].firstIndex(of: UInt8(ascii: "\n")) {
      let next = newline + 1
      if next < count, self[next] == UInt8(ascii: "\n") { return (newline, next + 1) }
      if next + 1 < count, self[next] == UInt8(ascii: "\r"), self[next + 1] == UInt8(ascii: "\n") {
        return (newline, next + 2)
      }
      at = next
    }
    return nil
  }
}
