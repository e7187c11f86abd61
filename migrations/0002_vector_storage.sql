-- In line unless the row does not fit a page: out-of-line vectors make exact search 2-3 times slower,
-- and the planner does not count the cost. Changes no row that is already there.
ALTER TABLE "chat_vectors" ALTER COLUMN "embedding" SET STORAGE MAIN;
