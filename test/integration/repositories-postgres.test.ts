import { repositoryContract } from '../contract/repositories.js';
import { createServerStore } from '../support/builders.js';

repositoryContract('PostgreSQL', createServerStore);
