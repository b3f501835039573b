/**
 * Pictures as they came, newest use last, bounded in bytes.
 *
 * @typedef {object} CachedPicture
 * @property {Blob} blob
 * @property {number} layer
 * @property {import("./picture.js").PictureFacts} facts
 */

export class PictureCache {
  /** @type {Map<string, CachedPicture>} */
  #pictures = new Map();

  #bytes = 0;
  #limit;

  /** @param {number} limit  bytes */
  constructor(limit) {
    this.#limit = limit;
  }

  get bytes() {
    return this.#bytes;
  }

  /** @param {number} limit  bytes */
  set limit(limit) {
    this.#limit = limit;
    this.#shrink();
  }

  /** @param {string} key */
  has(key) {
    return this.#pictures.has(key);
  }

  /** @param {string} key */
  get(key) {
    const picture = this.#pictures.get(key);
    if (picture) {
      this.#pictures.delete(key);
      this.#pictures.set(key, picture);
    }
    return picture ?? null;
  }

  /**
   * @param {string} key
   * @param {CachedPicture} picture
   */
  put(key, picture) {
    this.drop(key);
    this.#pictures.set(key, picture);
    this.#bytes += picture.blob.size;
    this.#shrink();
  }

  #shrink() {
    for (const oldest of this.#pictures.keys()) {
      if (this.#bytes <= this.#limit) {
        break;
      }
      this.drop(oldest);
    }
  }

  /** @param {string} key */
  drop(key) {
    const picture = this.#pictures.get(key);
    if (picture) {
      this.#bytes -= picture.blob.size;
      this.#pictures.delete(key);
    }
  }

  /** @param {(picture: CachedPicture) => boolean} which */
  keep(which) {
    for (const [key, picture] of this.#pictures) {
      if (!which(picture)) {
        this.drop(key);
      }
    }
  }

  clear() {
    this.#pictures.clear();
    this.#bytes = 0;
  }
}
